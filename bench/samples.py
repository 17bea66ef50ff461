"""What bench.sh measured, by system and figure: medians, ranges, ratios within a round, failures."""
import json
import statistics
from collections import defaultdict


class Samples:
    def __init__(self, path):
        with open(path) as file:
            self.run = json.load(file)
        self.systems = {system["name"]: system for system in self.run["systems"]}
        self._values = defaultdict(dict)  # (system, figure) -> round -> value
        self.failures = defaultdict(list)  # (system, figure) -> reasons
        for sample in self.run["samples"]:
            key = sample["system"], sample["figure"]
            if "failure" in sample:
                self.failures[key].append(sample["failure"])
            else:
                self._values[key][sample["round"]] = sample["value"]

    def median(self, system, figure):
        values = self._values.get((system, figure))
        return statistics.median(values.values()) if values else None

    def range(self, system, figure):
        values = self._values.get((system, figure), {}).values()
        return (min(values), max(values)) if values else None

    def ratio(self, system, other, figure):
        """Median of the ratios of each round: a round's two turns met the same mood of the machine."""
        mine, others = self._values.get((system, figure), {}), self._values.get((other, figure), {})
        ratios = [mine[number] / others[number] for number in mine if others.get(number)]
        return statistics.median(ratios) if ratios else None

    def rivals(self):
        return [name for name in self.systems if name != "veth" and not name.startswith("causeway")]
