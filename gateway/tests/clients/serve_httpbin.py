"""Serves httpbin under waitress. Writes its port, and serves until standard input ends."""

import logging
import sys
import threading

logging.disable(logging.CRITICAL)

import waitress  # noqa: E402
from httpbin import app  # noqa: E402

server = waitress.create_server(app, host="127.0.0.1", port=0, threads=16, ident=None)
threading.Thread(target=server.run, daemon=True).start()
print(int(server.effective_port), flush=True)
sys.stdin.read()
