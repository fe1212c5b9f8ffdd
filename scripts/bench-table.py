"""Makes Markdown tables of what scripts/bench.sh has measured.

Arguments: RESULTS ROUNDS SECONDS SUBSCRIBERS. A line of RESULTS: ROUND MODE NAME JSON.
"""

import collections
import json
import os
import statistics
import sys

TITLES = {
    "floor": "floor (verifies, signs, looks nobody up)",
    "path": "rrnetd's packet path without a database",
    "sqlite": "rrnetd on SQLite",
    "postgres": "rrnetd on PostgreSQL",
    "users": "FreeRADIUS with a users file",
    "sql": "FreeRADIUS with PostgreSQL",
}
MODES = {"pap": "PAP", "chap": "CHAP", "mschap2": "MS-CHAPv2"}


def machine():
    """The processor, its cores, the memory and the kernel."""
    model = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    memory = int(open("/proc/meminfo").readline().split()[1]) / 2**20
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {os.uname().release}"


def main():
    path, rounds, seconds, subscribers = sys.argv[1:]
    figures = collections.defaultdict(dict)
    for line in open(path):
        number, mode, name, text = line.split(" ", 3)
        figures[mode, name][int(number)] = json.loads(text)

    def median(mode, name, field):
        return statistics.median(one[field] for one in figures[mode, name].values())

    def ratio(mode, name, other, field):
        """Of each round its own ratio, and of those the median."""
        here, there = figures[mode, name], figures[mode, other]
        return statistics.median(here[n][field] / there[n][field] for n in here.keys() & there.keys())

    def drain(name):
        """Where a database follows behind: the rate until it has everything, and the processor time with it."""
        of = [one.get("drained") for one in figures["accounting", name].values()]
        if None in of:
            at_once = "at once" if name == "sql" else "–"
            return at_once, median("accounting", name, "cpu_micros")
        rate = statistics.median(one["rate"] for one in of)
        text = f"{rate:,.0f}/s, {statistics.median(one['seconds'] for one in of):.1f} s behind"
        if ("accounting", "sql") in figures:
            peer = figures["accounting", "sql"]
            here = figures["accounting", name]
            times = statistics.median(here[n]["drained"]["rate"] / peer[n]["rate"] for n in here.keys() & peer.keys())
            text += f", {times:.1f} × FreeRADIUS"
        return text, statistics.median(one["cpu_micros"] for one in of)

    names = [name for name in TITLES if any(of == name for _, of in figures)]
    print(f"{machine()}; {rounds} interleaved rounds of {seconds} s, medians; {subscribers} subscribers; loopback.\n")
    print("| authentication: server's CPU a request | " + " | ".join(MODES.values()) + " |")
    print("|---|" + "---|" * len(MODES))
    for name in names:
        cells = []
        for mode in MODES:
            if (mode, name) not in figures:
                cells.append("–")
                continue
            cell = f"{median(mode, name, 'cpu_micros'):.1f} µs, {median(mode, name, 'rate'):,.0f}/s"
            if name not in ("floor", "users", "sql") and (mode, "floor") in figures:
                cell += f", {ratio(mode, name, 'floor', 'cpu_micros'):.2f} × floor"
            if name in ("users", "sql") and (mode, "sqlite") in figures:
                cell += f", {ratio(mode, name, 'sqlite', 'cpu_micros'):.1f} × rrnetd"
            cells.append(cell)
        print(f"| {TITLES[name]} | " + " | ".join(cells) + " |")
    print("\n| durable accounting | acknowledged | until in the database | CPU a record | p99 | p99 at half of the rate |")
    print("|---|---|---|---|---|---|")
    for name in names:
        if ("accounting", name) not in figures:
            continue
        title = TITLES[name] + (", not durable" if name == "floor" else "")
        rate = f"{median('accounting', name, 'rate'):,.0f}/s"
        if ("accounting", "sql") in figures and name in ("sqlite", "postgres", "path"):
            rate += f", {ratio('accounting', name, 'sql', 'rate'):.1f} × FreeRADIUS"
        half = f"{median('half', name, 'p99_micros') / 1e3:.1f} ms" if ("half", name) in figures else "–"
        late = f"{median('accounting', name, 'p99_micros') / 1e3:.1f} ms"
        drained, micros = drain(name)
        print(f"| {title} | {rate} | {drained} | {micros:.1f} µs | {late} | {half} |")
    lost = {
        f"{name} {mode}": sum(one["lost"] for one in of.values()) for (mode, name), of in figures.items()
    }
    lost = {what: count for what, count in lost.items() if count}
    print("\nNo reply was wrong. " + (f"Never answered: {lost}." if lost else "Every request was answered."))


main()
