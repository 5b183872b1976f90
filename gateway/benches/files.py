#!/usr/bin/env python3
"""Measures static files beside nginx, tower-http's ServeDir, actix-files and static-web-server, in one run.

    python3 gateway/benches/files.py            # 7 minutes; writes the table into docs/PERFORMANCE.md
    python3 gateway/benches/files.py --trial    # a minute; prints it

What counts is the CPU time of the server for each request, in user and system mode. Every answer's length is checked.
"""

import argparse
import os
import pathlib
import re
import socket
import statistics
import subprocess
import tempfile
import time

import catalogue
from catalogue import BIN, NGINX, TOOLS
from machine import Program, cpu
from tables import pair, table

DOCUMENT = catalogue.HERE.parent / "docs/PERFORMANCE.md"
STATIC_WEB_SERVER = "static-web-server@2.41.0"
# They have no application behind them.
ALONE = ["nginx, one worker, sendfile", "actix-files, one worker", STATIC_WEB_SERVER.replace("@", " ")]
BEGIN, END = "<!-- files -->", "<!-- /files -->"
NGINX_FILES = NGINX.replace("access_log off;", "access_log off; sendfile on; tcp_nopush on;") + """
  server { listen 127.0.0.1:%(port)s; root %(folder)s/html; } }
"""
PATHS = {"1 KiB": "/1k", "1 MiB": "/1m", "No file: the application behind the exports": "/missing"}


def programs():
    here = ["127.0.0.1:%(port)s", "%(folder)s"]
    return [
        Program("FilesLayer, one export", [BIN / "files", *here, "ours", "1"]),
        Program("FilesLayer, three exports", [BIN / "files", *here, "ours", "3"]),
        Program("ServeDir of tower-http 0.7", [BIN / "files", *here, "servedir", "1"]),
        Program("three ServeDirs", [BIN / "files", *here, "servedir", "3"]),
        Program(ALONE[1], [BIN / "proxyfix-gateway-servers", "actix-files", "%(folder)s/html", "127.0.0.1:%(port)s"]),
        Program(ALONE[2], [TOOLS / "bin/static-web-server", "--host", "127.0.0.1", "--port", "%(port)s",
                           "--root", "%(folder)s/html", "--log-level", "error"], needs=[TOOLS / "bin/static-web-server"]),
        Program(ALONE[0], ["nginx", "-p", "%(folder)s", "-c", "%(folder)s/files.conf"],
                needs=["nginx"], files={"files.conf": NGINX_FILES}),
        Program("the application alone", [BIN / "files", *here, "app", "1"]),
    ]


def length(port, path):
    """The bytes of one answer, with its head."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        got = b""
        while more := connection.recv(1 << 20):
            got += more
    return got


def load(port, path, seconds):
    """Loads a server: the answers, and what was wrong with them."""
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", "--timeout", "30s", f"http://127.0.0.1:{port}{path}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    count = int(re.search(r"(\d+) requests in", text)[1])
    return count, re.findall(r"(?:Non-2xx|Socket errors).*", text)


def measure(folder, rounds, seconds):
    results = {}
    for what, path in PATHS.items():
        results[what] = {}
        for number in range(rounds + 1):
            for program in programs():
                if program.missing() or program.name in ALONE and path == "/missing":
                    continue
                if program.name == "the application alone" and path == "/1m":
                    continue
                with program.running(folder) as (port, pid):
                    got = length(port, path)
                    body = got.split(b"\r\n\r\n", 1)[1]
                    assert body == b"x" * ((1 << 20) if path == "/1m" else 1024), got[:200]
                    load(port, path, 0.3 if seconds < 1 else 1)
                    before = cpu(pid)
                    count, wrong = load(port, path, seconds)
                    assert not wrong, wrong
                    if number > 0:
                        results[what].setdefault(program.name, []).append((cpu(pid) - before) / count * 1e6)
    return results


def written(results, about):
    parts = [about]
    for what, measured in results.items():
        base = [name for name in measured if "nginx" in name] or ["the application alone"]
        least = min(measured[base[0]])
        rows = [[name, *pair(values), f"{min(values) / least:.2f}"] for name, values in measured.items()]
        head = ["server", "µs, least", "µs, median", "beside " + ("nginx" if "nginx" in base[0] else "the application")]
        parts.append(f"### {what}\n\n" + table(head, rows))
    return "\n\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trial", action="store_true")
    options = parser.parse_args()
    rounds, seconds = (1, 1) if options.trial else (5, 3)
    build = ["cargo", "build", "--release", "--locked", "--workspace", "--bin", "files", "--bin", "proxyfix-gateway-servers"]
    subprocess.run(build, cwd=catalogue.HERE, check=True)
    install = ["cargo", "install", "--quiet", "--locked", "--no-default-features", "--root", TOOLS, STATIC_WEB_SERVER]
    if subprocess.run(install, check=False).returncode:
        print(f"{STATIC_WEB_SERVER} is missing in the tables")
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for name in ("one", "two", "html"):
            (pathlib.Path(folder) / name).mkdir()
        (pathlib.Path(folder) / "html/1k").write_text("x" * 1024)
        (pathlib.Path(folder) / "html/1m").write_text("x" * (1 << 20))
        # A file that was written just now is not kept in memory.
        time.sleep(3)
        results = measure(folder, rounds, seconds)
    about = (f"Measured on {time.strftime('%Y-%m-%d')} over 32 connections in {rounds} rounds of {seconds} s; load {before:.1f} "
             f"before and {os.getloadavg()[0]:.1f} after.")
    text = written(results, about)
    if options.trial:
        return print(text)
    document = DOCUMENT.read_text()
    start, rest = document.split(BEGIN)[0], document.split(END)[1]
    DOCUMENT.write_text(f"{start}{BEGIN}\n\n{text}\n\n{END}{rest}")
    return print(text)


if __name__ == "__main__":
    main()
