#!/usr/bin/env python3
"""Runs the originals as servers: Werkzeug's ProxyMiddleware, Paste's Proxy and Paste's TransparentProxy,
in the versions pinned below, each on a port of its own, under waitress.

The arguments are the authorities of their upstreams, in this order. Writes one line, {"werkzeug": PORT, "paste": PORT,
"transparent": PORT}, and serves until standard input ends.

The versions are installed from PyPI into a virtual environment, in the folder that ORACLES_VENV
names, else in target/gateway-oracles. It is made anew where it does not hold these versions, by one process
at a time.
"""

import fcntl
import json
import os
import pathlib
import subprocess
import sys
import threading
import venv

PINS = {
    "werkzeug": "3.1.9",
    "paste": "3.10.1",
    "waitress": "3.0.2",
    # Their dependency.
    "markupsafe": "3.0.4",
    # Paste still imports pkg_resources.
    "setuptools": "80.9.0",
}


def environment(versions=PINS, suffix=""):
    """The Python of a virtual environment with the pinned versions, in the folder whose name ends so."""
    default = pathlib.Path(__file__).resolve().parents[3] / "target" / "gateway-oracles"
    home = pathlib.Path(os.environ.get("ORACLES_VENV") or default)
    home = home.with_name(home.name + suffix)
    python = home / "bin" / "python"
    pins = [f"{name}=={version}" for name, version in versions.items()]
    check = (
        "import importlib.metadata as m, sys\n"
        "sys.exit(any(m.version(n) != v for n, v in (p.split('==') for p in sys.argv[1:])))"
    )

    def holds_pins():
        run = [python, "-c", check, *pins]
        return python.exists() and not subprocess.run(run, stderr=subprocess.DEVNULL).returncode

    home.parent.mkdir(parents=True, exist_ok=True)
    with open(home.with_suffix(".lock"), "w") as lock:
        # The tests start several of these scripts at once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not holds_pins():
            if home.exists() and any(home.iterdir()) and not (home / "pyvenv.cfg").exists():
                sys.exit(f"{home} is no virtual environment; it would be cleared")
            print(f"installing {' '.join(pins)}", file=sys.stderr)
            venv.create(home, clear=True, with_pip=True)
            pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, *pins], check=True, stdout=sys.stderr)
            if not holds_pins():
                sys.exit(f"{home} does not hold {' '.join(pins)}")
    return python


def inner(environ, start_response):
    """What ProxyMiddleware wraps."""
    start_response("404 Not Found", [("Content-Type", "text/plain"), ("X-Inner", "1")])
    return [b"inner"]


def serve(app):
    """Serves the application, and returns its port."""
    import waitress

    server = waitress.create_server(
        app, host="127.0.0.1", port=0, threads=16, ident=None, map={}, clear_untrusted_proxy_headers=False
    )
    threading.Thread(target=server.run, daemon=True).start()
    return int(server.effective_port)


def main(first, second, third):
    import logging

    from paste.proxy import Proxy, TransparentProxy
    from werkzeug.middleware.http_proxy import ProxyMiddleware

    # A failure is an answer here. Its traceback is of no interest.
    logging.disable(logging.CRITICAL)
    targets = {"/p/": {"target": f"http://{first}/base/", "remove_prefix": True}}
    ports = {
        "werkzeug": serve(ProxyMiddleware(inner, targets, timeout=2)),
        "paste": serve(Proxy(f"http://{second}/base/")),
        "transparent": serve(TransparentProxy(force_host=third)),
    }
    print(json.dumps(ports), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    if sys.prefix == sys.base_prefix or "ORACLES_INSIDE" not in os.environ:
        python = environment()
        os.environ["ORACLES_INSIDE"] = "1"
        os.execv(python, [python, *sys.argv])
    main(*sys.argv[1:])
