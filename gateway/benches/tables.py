"""The tables and the plot of docs/PERFORMANCE.md, from the results alone."""

import math
import pathlib
import statistics

from catalogue import OURS

BEGIN, END = "<!-- measured -->", "<!-- end -->"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def pair(values, digits=1):
    """The least of some values, and the median."""
    return [f"{min(values):.{digits}f}", f"{statistics.median(values):.{digits}f}"]


def wrong(one):
    """What was wrong with the answers, for a cell."""
    return "; ".join(sorted(set(one["wrong"])))[:80].replace("|", "/")


def absent(results, columns):
    """Rows for the proxies that this machine does not have."""
    return [[name, f"not measured: {', '.join(pathlib.Path(tool).name for tool in tools)} missing", *[""] * (columns - 2)]
            for name, tools in results["missing"].items()]


def gets(results, connections):
    measured = results["gets"][connections]
    ours = min(measured[OURS]["cpu"]) if OURS in measured else math.nan
    rows = []
    for name, one in measured.items():
        least = min(one["cpu"])
        rows.append([name, *pair(one["cpu"]), f"{1e6 / least:,.0f}", f"{ours / least:.2f}",
                     f"{one['memory'] / 1024:.0f}", wrong(one) or "all right"])
    head = ["proxy", "µs, least", "µs, median", "requests per CPU-second", "beside ours", "most MiB", "answers"]
    rows += absent(results, len(head))
    return f"### GETs of 1 KiB over {connections} connections\n\n" + table(head, rows)


def bodies(results):
    rows = []
    for name, one in results["bodies"].items():
        cells = [name]
        for way in ("down", "up"):
            got = one[way]
            cells += [*pair(got["cpu"], 2), f"{max(got['memory']) / 1024:.0f}"] if got["cpu"] else [wrong(got), "", ""]
        rows.append(cells)
    head = ["proxy", "down: CPU s, least", "median", "most MiB", "up: CPU s, least", "median", "most MiB"]
    rows += absent(results, len(head))
    size = results["options"]["mebibytes"]
    size = f"{size // 1024} GiB" if size % 1024 == 0 else f"{size} MiB"
    return f"### A body of {size} each way\n\n" + table(head, rows)


def websockets(results):
    rows = []
    for name, one in results["websockets"].items():
        rows.append([name, *pair(one["memory"]), *pair(one["cpu"])] if one["cpu"] else [name, wrong(one), "", "", ""])
    head = ["proxy", "KiB for each, least", "median", "µs CPU for each echo, least", "median"]
    rows += absent(results, len(head))
    return f"### {results['options']['sockets']:,} WebSockets, idle and echoing\n\n" + table(head, rows)


def written(results):
    """Everything between the markers."""
    options = results["options"]
    about = (f"{results['machine']}. Measured on {results['date']} in {options['rounds']} rounds, of {options['seconds']} s for "
             f"the GETs; load {results['load'][0]:.1f} before and {results['load'][1]:.1f} after.\n\n"
             f"{', '.join(results['versions'])}.")
    missing = results["missing"]
    if missing:
        about += "\n\n**Missing on this machine:** " + ", ".join(missing) + "."
    parts = [about, *[gets(results, connections) for connections in results["gets"]], bodies(results),
             websockets(results)]
    return "\n\n".join(parts)


def replaced(document, results):
    """The document with the tables of these results."""
    start, rest = document.split(BEGIN)[0], document.split(END)[1]
    return f"{start}{BEGIN}\n\n{written(results)}\n\n{END}{rest}"


def plot(results):
    """CPU time for each GET, on a logarithmic scale: a dot for the least, a line from there to the median."""
    names = list(next(iter(results["gets"].values())))
    left, width, step, top = 210, 560, 24, 40
    height = top + step * len(names) + 34
    values = [value for measured in results["gets"].values() for one in measured.values() for value in one["cpu"]]
    low, high = math.log10(min(values) * 0.9), math.log10(max(values) * 1.1)

    def x(value):
        return left + (math.log10(value) - low) / (high - low) * width

    def text(at, line, words, anchor="start"):
        return f'<text x="{at:.1f}" y="{line:.1f}" text-anchor="{anchor}">{words}</text>'

    colours = dict(zip(results["gets"], ("#1f6fb4", "#d1701c")))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 30} {height}" '
             'font-family="sans-serif" font-size="13">',
             '<rect width="100%" height="100%" fill="#fff"/>', text(left, 16, "CPU time for each GET of 1 KiB, µs")]
    for at, (connections, colour) in enumerate(colours.items()):
        parts.append(f'<circle cx="{left + 290 + at * 140}" cy="12" r="4" fill="{colour}"/>')
        parts.append(text(left + 300 + at * 140, 16, f"{connections} connections"))
    for tick in (10, 20, 50, 100, 200, 500, 1000, 2000):
        if low <= math.log10(tick) <= high:
            parts.append(f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{top - 10}" y2="{height - 28}" stroke="#ddd"/>')
            parts.append(text(x(tick), height - 12, tick, "middle"))
    for row, name in enumerate(names):
        line = top + step * row + 8
        parts.append(text(left - 10, line + 4, name, "end"))
        for at, (connections, colour) in enumerate(colours.items()):
            one = results["gets"][connections].get(name)
            if one:
                least, middle, y = x(min(one["cpu"])), x(statistics.median(one["cpu"])), line - 3 + at * 7
                parts.append(f'<line x1="{least:.1f}" x2="{middle:.1f}" y1="{y}" y2="{y}" stroke="{colour}"/>')
                parts.append(f'<circle cx="{least:.1f}" cy="{y}" r="3.5" fill="{colour}"/>')
    return "\n".join([*parts, "</svg>"]).replace("'", "&#39;") + "\n"
