#!/usr/bin/env python3
"""report.py RESULTS.json [--plot FILE.svg] [--publish DOC.md]

Markdown tables of what bench.sh measured. --publish puts them between the two marker lines of a document, and the plot
beside it under the document's name.
"""
import argparse
import pathlib
import shutil

import goals
import plot
from samples import Samples

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
NOTHING = "–"


def number(value, digits=2):
    return NOTHING if value is None else f"{value:,.{digits}f}"


def table(samples, heading, columns, first=""):
    """columns: (heading, function from a system's name to its cell). Nothing at all when nothing of it was measured."""
    rows = [[samples.systems[name]["title"]] + [cell(name) for _, cell in columns] for name in samples.systems]
    if not any(character.isdigit() for row in rows for character in "".join(row[1:])):
        return
    if heading:
        yield heading + "\n"
    yield "| " + " | ".join([first] + [text for text, _ in columns]) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    yield from ("| " + " | ".join(row) + " |" for row in rows)
    yield ""


class Cells:
    """Column functions over one set of samples."""

    def __init__(self, samples):
        self.samples = samples

    def median(self, figure, digits=2):
        return lambda name: number(self.samples.median(name, figure), digits)

    def with_range(self, figure, digits=2):
        def cell(name):
            span = self.samples.range(name, figure)
            if span is None:
                return NOTHING
            text = number(self.samples.median(name, figure), digits)
            return text if span[0] == span[1] else f"{text} ({span[0]:.{digits}f}–{span[1]:.{digits}f})"

        return cell

    def ratio(self, other, figure, digits=2):
        return lambda name: number(self.samples.ratio(name, other, figure), digits)

    def pair(self, first, second, digits):
        def cell(name):
            values = [self.samples.median(name, figure) for figure in (first, second)]
            return NOTHING if values == [None, None] else " / ".join(number(value, digits) for value in values)

        return cell

    def percent(self, figure):
        def cell(name):
            value = self.samples.median(name, figure)
            return NOTHING if value is None else f"{100 * value:.1f} %"

        return cell


def tcp_tables(samples, cells):
    yield from table(samples, "TCP by iperf3, Gbit/s there / back:", [
        ("1 stream", cells.pair("tcp1_out", "tcp1_back", 2)),
        ("4 streams", cells.pair("tcp4_out", "tcp4_back", 2)),
        ("16 streams", cells.pair("tcp16_out", "tcp16_back", 2)),
    ])
    yield from table(samples, "TCP, one stream there:", [
        ("Gbit/s (range)", cells.with_range("tcp1_out")),
        ("of raw veth", cells.ratio("veth", "tcp1_out")),
        ("of wireguard-go", cells.ratio("wireguard_go", "tcp1_out", 1)),
        ("CPU-s/GB, both daemons (range)", cells.with_range("cpu_s_per_gb")),
        ("underlay's offloads off, Gbit/s", cells.median("plain_tcp1_out")),
        ("of raw veth so", cells.ratio("veth", "plain_tcp1_out")),
    ])


def udp_table(samples, cells):
    def cell(size):
        received, offered = cells.median(f"udp{size}_received", 0), cells.median(f"udp{size}_offered", 0)
        return lambda name: NOTHING if received(name) == NOTHING else f"{received(name)} ({offered(name)})"

    yield from table(samples, "UDP under overload, thousand datagrams received per second (offered):",
                     [(f"{size} B", cell(size)) for size in (64, 512, 1400)])


def latency_table(samples, cells):
    yield from table(samples, "Ping, ms:", [
        ("idle p50 / p99", cells.pair("ping_idle_p50", "ping_idle_p99", 3)),
        ("under one full TCP stream p50 / p99", cells.pair("ping_loaded_p50", "ping_loaded_p99", 2)),
        ("lost then", cells.percent("ping_loaded_lost")),
        ("start of the second end to its first reply", cells.median("connect_ms", 0)),
    ])


def cost_table(samples, cells):
    yield from table(samples, "What it costs beside CPU:", [
        ("Ethernet bytes sent per TCP payload byte", cells.median("wire_ratio", 4)),
        ("largest resident memory of a daemon, MB", cells.median("memory_mb", 1)),
    ])


def contact_line(samples):
    span = samples.range("causeway", "first_contact_ms")
    if span:
        median = samples.median("causeway", "first_contact_ms")
        yield f"First packet to first reply of Causeway, peers that have not met, each behind a port-restricted NAT: median {median:.1f} ms, worst {span[1]:.1f} ms.\n"


def systems_table(samples):
    yield from table(samples, "What was compared:", [
        ("version", lambda name: samples.systems[name]["version"]),
        ("settings", lambda name: samples.systems[name]["settings"]),
    ])


def failures_table(samples):
    if not samples.failures:
        return
    yield "What failed:\n"
    yield "| system | figure | times | reason |\n|---|---|---|---|"
    for (name, figure), reasons in samples.failures.items():
        reason = reasons[0].replace("|", "\\|").replace("\n", " ")
        yield f"| {samples.systems[name]['title']} | {figure} | {len(reasons)} of {samples.run['rounds']} | {reason} |"
    yield ""


def markdown(samples):
    run, cells = samples.run, Cells(samples)
    machine = run["machine"]
    yield (f"{machine['cpu']} ({machine['flags']}), {machine['cpus']} CPUs, kernel {machine['kernel']}; {run['date']}; commit "
           f"{run['commit']}; medians of {run['rounds']} interleaved rounds, {run['seconds']} s per figure.\n")
    yield from goals.table(samples, NOTHING)
    yield from tcp_tables(samples, cells)
    yield from udp_table(samples, cells)
    yield from latency_table(samples, cells)
    yield from cost_table(samples, cells)
    yield from contact_line(samples)
    yield from failures_table(samples)
    yield from systems_table(samples)


def publish(document, text, picture):
    path = pathlib.Path(document)
    before, rest = path.read_text().split(BEGIN)
    after = rest.split(END)[1]
    beside = path.with_suffix(".svg")
    shutil.copyfile(picture, beside)
    path.write_text(f"{before}{BEGIN}\n{text}\n![The main figures as bars]({beside.name})\n{END}{after}")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.splitlines()[0])
    parser.add_argument("results")
    parser.add_argument("--plot")
    parser.add_argument("--publish")
    options = parser.parse_args()
    samples = Samples(options.results)
    text = "\n".join(markdown(samples))
    print(text)
    picture = options.plot or pathlib.Path(options.results).with_suffix(".svg")
    pathlib.Path(picture).write_text(plot.svg(samples))
    if options.publish:
        publish(options.publish, text, picture)


if __name__ == "__main__":
    main()
