#!/usr/bin/env python3
"""Measures the gateway beside other proxies, in one run, and writes the tables of docs/PERFORMANCE.md.

    python3 gateway/benches/measure.py              everything; about 13 minutes
    python3 gateway/benches/measure.py --trial      everything, but short: nothing of the repository is written
    python3 gateway/benches/measure.py --only nginx --only proxyfix    some proxies; written as a trial
    python3 gateway/benches/measure.py --tables     writes the tables again, from results.json
    python3 gateway/benches/measure.py --check      fails if the tables are not those of results.json

Needs cargo, nginx and wrk, and for the other proxies haproxy, go, node, npm and Python's venv. On Debian:

    apt-get install golang-go haproxy nginx nodejs npm python3-venv wrk

A proxy that is missing is named in the tables. What counts is the CPU time of the proxy's own processes, because a
busy machine changes it least. The rounds of all proxies alternate, so that what the machine does meets all of them.
"""

import argparse
import json
import os
import pathlib
import re
import sys
import tempfile
import time

import catalogue
import tables
import workloads
from catalogue import FLOOR, HERE, ORIGINALS, OTHER_SERVERS, TARGET

DOCS = HERE.parent / "docs"
RESULTS = HERE / "results.json"


def processor():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    found = re.search(r"model name\s*: (.*)", text)
    return f"{os.cpu_count()} cores, {found[1].strip() if found else 'an unknown processor'}"


def measure(options, folder):
    def chosen(programs, without=()):
        only = [re.compile(pattern) for pattern in options.only]
        named = [program for program in programs if not only or any(one.search(program.name) for one in only)]
        return [program for program in named if not program.missing() and program.name not in without]

    before = os.getloadavg()[0]
    results = {"gets": {}}
    with catalogue.files(folder).running(folder) as (port, _):
        programs = catalogue.proxies(f"127.0.0.1:{port}")
        missing = {program.name: program.missing() for program in programs if program.missing()}
        for connections in (32, 512):
            print(f"GETs over {connections} connections", flush=True)
            some = chosen(programs, ORIGINALS if connections == 512 else ())
            results["gets"][str(connections)] = workloads.gets(
                some, folder, options.rounds, options.seconds, connections)
    with catalogue.big().running(folder) as (port, _):
        programs = chosen(catalogue.proxies(f"127.0.0.1:{port}"), OTHER_SERVERS)
        print("bodies", flush=True)
        results["bodies"] = workloads.bodies(programs, folder, options.rounds, options.mebibytes)
        print("WebSockets", flush=True)
        # The floor has no upgrades.
        programs = [program for program in programs if program.name != FLOOR]
        results["websockets"] = workloads.websockets(
            programs, folder, options.rounds, options.sockets, options.echoes)
    about = {
        "date": time.strftime("%Y-%m-%d"), "machine": processor(), "load": [before, os.getloadavg()[0]],
        "versions": catalogue.versions(), "missing": missing,
        "options": {key: getattr(options, key) for key in ("rounds", "seconds", "mebibytes", "sockets", "echoes")},
    }
    return {**about, **results}


def write(results, document, plot):
    document.write_text(tables.replaced((DOCS / "PERFORMANCE.md").read_text(), results))
    plot.write_text(tables.plot(results))
    print(f"wrote {document}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--mebibytes", type=int, default=1024, help="of a big body")
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--echoes", type=int, default=40)
    parser.add_argument("--only", action="append", default=[], metavar="PATTERN")
    parser.add_argument("--trial", action="store_true")
    parser.add_argument("--tables", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    document, plot = DOCS / "PERFORMANCE.md", DOCS / "performance.svg"
    if options.tables:
        return write(json.loads(RESULTS.read_text()), document, plot)
    if options.check:
        results = json.loads(RESULTS.read_text())
        is_right = (tables.replaced(document.read_text(), results) == document.read_text()
                    and tables.plot(results) == plot.read_text())
        return None if is_right else sys.exit(f"{document} is not what {RESULTS} says: run with --tables")
    is_trial = options.trial or options.only
    if options.trial:
        options.rounds, options.seconds, options.mebibytes, options.echoes = 1, 1, 64, 5
    catalogue.prepare()
    with tempfile.TemporaryDirectory() as folder:
        results = measure(options, folder)
    if is_trial:
        (TARGET / "trial.json").write_text(json.dumps(results, indent=1) + "\n")
        print(tables.written(results))
        return write(results, TARGET / "trial.md", TARGET / "trial.svg")
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    return write(results, document, plot)


if __name__ == "__main__":
    main()
