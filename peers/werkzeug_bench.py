#!/usr/bin/env python3
"""Measures how long Werkzeug's ProxyFix takes for the requests that `cargo bench` wrote, for scale.

The middleware is called as a WSGI server calls it, around an application that does nothing. The result
is the time with the middleware minus the time without it. The environment of each call is made before
the clock starts. The results are written below the target folder, where the program `report` finds
them.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from werkzeug_check import PROXY, environment

VERSION = "3.1.9"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", pathlib.Path(__file__).parent / "target"))

# Runs inside the virtual environment: requests on standard input, results on standard output.
MEASURE = '''
import json, platform, statistics, sys, time
from werkzeug.middleware.proxy_fix import ProxyFix

CALLS, ROUNDS = 200, 25

def nothing(environ, start_response):
    return environ

def environ(lines):
    made = {"REMOTE_ADDR": %(proxy)r, "REQUEST_METHOD": "GET", "PATH_INFO": "/item",
            "QUERY_STRING": "q=1", "SERVER_NAME": "backend.internal", "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http"}
    for name, value in lines:
        key = "HTTP_" + name.upper().replace("-", "_")
        # A server joins the lines of one header in the same way.
        made[key] = made[key] + "," + value if key in made else value
    return made

def nanoseconds(app, lines):
    rounds = []
    for _ in range(ROUNDS):
        environs = [environ(lines) for _ in range(CALLS)]
        started = time.perf_counter_ns()
        for one in environs:
            app(one, None)
        rounds.append((time.perf_counter_ns() - started) / CALLS)
    return statistics.median(rounds)

times = {}
for request in json.load(sys.stdin):
    others = request["others"]
    fix = ProxyFix(nothing, x_for=request["for"], x_proto=others, x_host=others)
    seen = fix(environ(request["lines"]), None)
    said = [seen["REMOTE_ADDR"], seen["wsgi.url_scheme"], seen["HTTP_HOST"]]
    time_with = nanoseconds(fix, request["lines"])
    time_without = nanoseconds(nothing, request["lines"])
    times[request["name"]] = (time_with - time_without, said == request["truth"])
json.dump({"name": f"Werkzeug %(version)s, ProxyFix, CPython {platform.python_version()}",
           "times": times}, sys.stdout)
''' % {"proxy": PROXY, "version": VERSION}


def main():
    requests = (TARGET / "requests.json").read_text()
    with tempfile.TemporaryDirectory() as folder:
        python = environment(VERSION, folder)
        run = subprocess.run([python, "-c", MEASURE], input=requests, capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    (TARGET / "werkzeug.json").write_text(run.stdout)
    for name, (time, right) in json.loads(run.stdout)["times"].items():
        print(f"{name}: {time:.0f} ns, {'right' if right else 'WRONG'}")


if __name__ == "__main__":
    main()
