"""The goals for two CPUs that run both ends, iperf3 and the kernel, and whether a run met them."""
from dataclasses import dataclass
from typing import Callable


@dataclass
class Goal:
    text: str
    measure: Callable  # (samples, system) -> value or None
    must: float
    stretch: float
    digits: int
    at_least: bool = False

    def met(self, value, bound):
        return value >= bound if self.at_least else value <= bound

    def sign(self):
        return "≥" if self.at_least else "≤"


def median(figure):
    return lambda samples, system: samples.median(system, figure)


def ratio(other, figure):
    return lambda samples, system: samples.ratio(system, other, figure)


GOALS = [
    Goal("TCP 1 stream, share of raw veth", ratio("veth", "tcp1_out"), 0.45, 0.55, 2, at_least=True),
    Goal("TCP 1 stream ÷ wireguard-go", ratio("wireguard_go", "tcp1_out"), 13, 16, 1, at_least=True),
    Goal("CPU-s per GB, both daemons", median("cpu_s_per_gb"), 1.4, 1.05, 2),
    Goal("UDP 64 B received, thousands per second", median("udp64_received"), 300, 370, 0, at_least=True),
    Goal("UDP 64 B received ÷ raw veth", ratio("veth", "udp64_received"), 1, 1, 2, at_least=True),
    Goal("ping idle p50, ms", median("ping_idle_p50"), 0.15, 0.09, 3),
    Goal("ping under one full TCP stream p50, ms", median("ping_loaded_p50"), 2, 1, 2),
    Goal("ping under one full TCP stream p99, ms", median("ping_loaded_p99"), 8, 4, 2),
    Goal("Ethernet bytes per TCP payload byte", median("wire_ratio"), 1.073, 1.070, 4),
    Goal("resident memory under full load, MB", median("memory_mb"), 40, 20, 1),
    Goal("TCP 1 stream without AES instructions, share of raw veth",
         lambda samples, system: samples.ratio("causeway_no_aes", "veth", "tcp1_out"), 0.225, 0.225, 2, at_least=True),
    # Twice the share that wireguard-go of 2025 reached under the same condition: 0.12.
    Goal("TCP 1 stream with the underlay's offloads off, share of raw veth so", ratio("veth", "plain_tcp1_out"),
         0.24, 0.24, 2, at_least=True),
]


def verdict(goal, value):
    if value is None:
        return "not measured"
    if goal.met(value, goal.stretch):
        return "met, stretch too" if goal.stretch != goal.must else "met"
    return "met" if goal.met(value, goal.must) else "**missed**"


def best_rival(samples, goal):
    """(value, title), None when no rival was measured."""
    known = [(goal.measure(samples, name), samples.systems[name]["title"]) for name in samples.rivals()]
    known = [pair for pair in known if pair[0] is not None]
    return (max if goal.at_least else min)(known) if known else None


def table(samples, nothing):
    if "causeway" not in samples.systems:
        return
    yield "| goal | must | stretch | Causeway | best rival here | |\n|---|---|---|---|---|---|"
    for goal in GOALS:
        value = goal.measure(samples, "causeway")
        best = best_rival(samples, goal)
        cells = [goal.text, f"{goal.sign()} {goal.must:g}", f"{goal.sign()} {goal.stretch:g}",
                 nothing if value is None else f"{value:.{goal.digits}f}",
                 f"{best[0]:.{goal.digits}f} ({best[1]})" if best else nothing, verdict(goal, value)]
        yield "| " + " | ".join(cells) + " |"
    yield ""
