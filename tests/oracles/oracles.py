#!/usr/bin/env python3
"""Runs real middlewares on requests: Werkzeug's ProxyFix, uvicorn's ProxyHeadersMiddleware and
Hypercorn's ProxyFixMiddleware, in the versions pinned below.

Reads one case per line from standard input, as JSON:

    {"lines": [["x-forwarded-for", "192.0.2.1"], ...], "counts": [1, 1, 1, 0, 0], "hops": 1}

`lines` are field lines in their order, a character per byte; `counts` are Werkzeug's x_for,
x_proto, x_host, x_port and x_prefix; `hops` are Hypercorn's. Writes one line of answers per case:
what an application behind each middleware sees. Every request comes from 10.0.0.1:4711 by plain
HTTP and asks for own.example.

The versions are installed from PyPI into a virtual environment, in the folder that ORACLES_VENV
names, else in target/oracles. It is made anew where it does not hold these versions.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import venv

PINS = {
    "werkzeug": "3.1.9",
    "uvicorn": "0.54.0",
    "hypercorn": "0.18.0",
    # Their dependencies.
    "click": "8.5.1",
    "h11": "0.16.0",
    "h2": "4.4.1",
    "hpack": "4.2.0",
    "hyperframe": "6.1.0",
    "markupsafe": "3.0.4",
    "priority": "2.0.0",
    "wsproto": "1.3.2",
}
PEER = ("10.0.0.1", 4711)
HOST = "own.example"
TRUSTED = "10.0.0.0/8"


def environment():
    """The Python of a virtual environment with the pinned versions."""
    default = pathlib.Path(__file__).resolve().parents[2] / "target" / "oracles"
    home = pathlib.Path(os.environ.get("ORACLES_VENV") or default)
    python = home / "bin" / "python"
    pins = " ".join(f"{name}=={version}" for name, version in PINS.items())
    check = (
        "import importlib.metadata as m, sys\n"
        "sys.exit(any(m.version(n) != v for n, v in (p.split('==') for p in sys.argv[1:])))"
    )

    def holds_pins():
        run = [python, "-c", check, *pins.split()]
        return python.exists() and not subprocess.run(run, stderr=subprocess.DEVNULL).returncode

    if not holds_pins():
        if home.exists() and any(home.iterdir()) and not (home / "pyvenv.cfg").exists():
            sys.exit(f"{home} is no virtual environment; it would be cleared")
        print(f"installing {pins}", file=sys.stderr)
        venv.create(home, clear=True, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *pins.split()], check=True, stdout=sys.stderr)
        if not holds_pins():
            sys.exit(f"{home} does not hold {pins}")
    return python


def werkzeug_oracle():
    """Werkzeug's own server makes the environ. It joins lines and drops names with underscores."""
    from http.client import HTTPMessage
    from types import SimpleNamespace

    from werkzeug.middleware.proxy_fix import ProxyFix
    from werkzeug.serving import WSGIRequestHandler

    def answer(case):
        handler = WSGIRequestHandler.__new__(WSGIRequestHandler)
        handler.path, handler.command, handler.request_version = "/", "GET", "HTTP/1.1"
        handler.rfile = handler.connection = None
        handler.client_address = PEER
        # As if it listened where the request arrived. This is the port if `Host` does not name one.
        handler.server = SimpleNamespace(
            ssl_context=None, multithread=False, multiprocess=False, server_address=(HOST, 80)
        )
        handler.headers = HTTPMessage()
        for name, value in [("Host", HOST), *case["lines"]]:
            handler.headers[name] = value
        environ = handler.make_environ()
        ProxyFix(lambda environ, start_response: [], *case["counts"])(environ, None)
        return {
            "client": environ["REMOTE_ADDR"],
            "scheme": environ["wsgi.url_scheme"],
            "host": environ["SERVER_NAME"],
            "port": environ["SERVER_PORT"],
            "prefix": environ["SCRIPT_NAME"],
            "authority": environ["HTTP_HOST"],
        }

    return answer


def asgi(middleware, case):
    """The scope that an ASGI application behind the middleware sees."""
    lines = [(name.lower().encode(), value.encode("latin1")) for name, value in case["lines"]]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(b"host", HOST.encode()), *lines],
        "client": PEER,
        "server": (HOST, 80),
        "extensions": {},
    }
    seen = []

    async def application(scope, receive, send):
        seen.append(scope)

    run(middleware(application)(scope, None, None))
    return seen[0]


def run(coroutine):
    """Runs a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise RuntimeError("the middleware waits")


def uvicorn_oracle():
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    def answer(case):
        scope = asgi(lambda app: ProxyHeadersMiddleware(app, trusted_hosts=TRUSTED), case)
        host, port = scope["client"]
        return {"client": f"{host} {port}", "scheme": scope["scheme"]}

    return answer


def hypercorn_oracle(mode):
    from hypercorn.middleware import ProxyFixMiddleware

    def answer(case):
        scope = asgi(lambda app: ProxyFixMiddleware(app, mode, case["hops"]), case)
        hosts = [value.decode() for name, value in scope["headers"] if name == b"host"]
        (host,) = hosts
        return {"client": scope["client"][0], "scheme": scope["scheme"], "host": host}

    return answer


def answer_all():
    oracles = {
        "werkzeug": werkzeug_oracle(),
        "uvicorn": uvicorn_oracle(),
        "hypercorn": hypercorn_oracle("legacy"),
        "hypercorn_modern": hypercorn_oracle("modern"),
    }
    for line in sys.stdin:
        case = json.loads(line)
        print(json.dumps({name: oracle(case) for name, oracle in oracles.items()}))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--here", action="store_true", help="answer in this Python, as it is")
    if parser.parse_args().here:
        return answer_all()
    return subprocess.run([environment(), __file__, "--here"]).returncode


if __name__ == "__main__":
    sys.exit(main())
