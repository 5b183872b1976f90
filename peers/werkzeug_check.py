#!/usr/bin/env python3
"""Runs Werkzeug's ProxyFix on the inputs in cases/*.toml.

Each version named there gets its own virtual environment in a temporary folder. A request goes
through Werkzeug's own server and a socket, so that the field lines are read as in practice. The other
end of the socket then plays the proxy at 10.0.0.1. Exits with 1 if an answer differs from the recorded
one.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib
import venv

CASES = pathlib.Path(__file__).parent / "cases"
PROXY = "10.0.0.1"

# Runs inside the virtual environment: cases on standard input, answers on standard output.
ASK = '''
import json, socket, sys, threading
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import WSGIRequestHandler, make_server

class Quiet(WSGIRequestHandler):
    def log(self, *args): pass

def seen(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["REMOTE_ADDR"].encode()]

def answer(lines, count):
    fixed = ProxyFix(seen, x_for=count)
    def behind_proxy(environ, start_response):
        environ["REMOTE_ADDR"] = %(proxy)r
        return fixed(environ, start_response)
    server = make_server("127.0.0.1", 0, behind_proxy, request_handler=Quiet)
    threading.Thread(target=server.handle_request).start()
    with socket.create_connection(("127.0.0.1", server.server_port)) as client:
        head = ["GET / HTTP/1.1", "Host: app.example", *lines, "Connection: close", "", ""]
        client.sendall("\\r\\n".join(head).encode())
        reply = b"".join(iter(lambda: client.recv(4096), b""))
    server.server_close()
    return reply.partition(b"\\r\\n\\r\\n")[2].decode()

json.dump([answer(*case) for case in json.load(sys.stdin)], sys.stdout)
''' % {"proxy": PROXY}


def load():
    """Recorded answers by Werkzeug version: (name, lines, truth, count, expected)."""
    by_version = {}
    for path in sorted(CASES.glob("*.toml")):
        for case in tomllib.loads(path.read_text())["case"]:
            for label, expected in case["expected"].items():
                peer, _, version = label.partition(" ")
                if peer != "werkzeug":
                    continue
                count = int(re.search(r"\bfor=(\d+)", case["config"])[1])
                row = (case["name"], case["lines"], case["truth"], count, expected)
                by_version.setdefault(version, []).append(row)
    return by_version


def environment(version, folder):
    """The Python of a new virtual environment that has this version of Werkzeug."""
    home = pathlib.Path(folder) / version
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, f"werkzeug=={version}"], check=True)
    return python


def ask(version, rows, folder):
    python = environment(version, folder)
    questions = json.dumps([(lines, count) for _, lines, _, count, _ in rows])
    run = subprocess.run([python, "-c", ASK], input=questions, capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    return json.loads(run.stdout)


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for version, rows in load().items():
            for row, answer in zip(rows, ask(version, rows, folder)):
                name, lines, truth, count, expected = row
                verdict = "right" if answer == truth else "WRONG"
                if answer == PROXY:
                    verdict += ": the proxy"
                if answer != expected:
                    verdict += f"; FAILED, {expected} was recorded"
                    failures += 1
                print(f"werkzeug {version} x_for={count} {name}: {' | '.join(lines)}")
                print(f"    answers {answer}, truth {truth}, {verdict}")
    print(f"{failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
