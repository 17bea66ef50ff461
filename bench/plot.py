"""The main figures as bars: one panel per figure, one bar per system. SVG, written by hand."""
from xml.sax.saxutils import escape

PANELS = [  # figure, heading, digits
    ("tcp1_out", "TCP, 1 stream, Gbit/s", 2),
    ("tcp16_out", "TCP, 16 streams, Gbit/s", 2),
    ("cpu_s_per_gb", "CPU-s per GB, both daemons (less is better)", 2),
    ("udp64_received", "UDP 64 B received, thousands per second", 0),
    ("ping_idle_p50", "ping p50 idle, ms (less is better)", 3),
    ("ping_loaded_p99", "ping p99 under a full TCP stream, ms (less is better)", 2),
]
COLUMNS, PANEL_WIDTH, LABEL_WIDTH, BAR_WIDTH = 2, 460, 96, 280
HEADING, ROW, BAR, GAP = 26, 19, 13, 18
COLOURS = {"causeway": "#c2410c", "veth": "#9ca3af"}
RIVAL = "#3b6ea5"


def text(x, y, content, **attributes):
    extra = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x}" y="{y}"{extra}>{escape(content)}</text>'


def panel(samples, figure, heading, digits, left, top):
    yield text(left, top + 14, heading, font_weight="bold")
    medians = {name: samples.median(name, figure) for name in samples.systems}
    largest = max((value for value in medians.values() if value is not None), default=0) or 1
    for row, (name, value) in enumerate(medians.items()):
        y = top + HEADING + row * ROW
        yield text(left + LABEL_WIDTH - 8, y + 11, samples.systems[name]["title"], text_anchor="end")
        width = 0 if value is None else value / largest * BAR_WIDTH
        yield f'<rect x="{left + LABEL_WIDTH}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{COLOURS.get(name, RIVAL)}"/>'
        shown = "–" if value is None else f"{value:,.{digits}f}"
        yield text(round(left + LABEL_WIDTH + width + 6, 1), y + 11, shown)


def svg(samples):
    height = HEADING + ROW * len(samples.systems) + GAP
    rows = -(-len(PANELS) // COLUMNS)
    size = COLUMNS * PANEL_WIDTH + GAP, rows * height + GAP
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" font-family="sans-serif" font-size="12">',
             '<rect width="100%" height="100%" fill="white"/>']
    for number, (figure, heading, digits) in enumerate(PANELS):
        left, top = GAP + number % COLUMNS * PANEL_WIDTH, GAP + number // COLUMNS * height
        parts += panel(samples, figure, heading, digits, left, top)
    return "\n".join(parts + ["</svg>"]) + "\n"
