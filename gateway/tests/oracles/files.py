#!/usr/bin/env python3
"""What Werkzeug's SharedDataMiddleware does with cases of static files: reads lines {"exports", "disallow", "request",
"headers"} from standard input, in the folder of the fixture, and writes for each "app", a status, or an exception."""

import json
import os
import sys
import urllib.parse

from originals import environment


def environ(case):
    """The environment of WSGI, as servers make it: the path is decoded once."""
    method, target = case["request"].split(" ", 1)
    path = urllib.parse.unquote_to_bytes(target.removeprefix("http://host").split("?")[0])
    own = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path.decode("latin-1"), "SERVER_NAME": "a.example",
        "SERVER_PORT": "80", "wsgi.url_scheme": "http", "wsgi.input": sys.stdin.buffer,
    }
    for name, value in case["headers"]:
        own["HTTP_" + name.upper().replace("-", "_")] = value
    return own


def outcome(case):
    from werkzeug.middleware.shared_data import SharedDataMiddleware

    def app(environ, start_response):
        start_response("299 App", [])
        return [b""]

    try:
        # A list of patterns fails for every file, so it gets one.
        disallow = case["disallow"][0] if case["disallow"] else None
        files = SharedDataMiddleware(app, [tuple(export) for export in case["exports"]], disallow=disallow)
        status = []
        body = files(environ(case), lambda line, *_: status.append(line.split(" ")[0]))
        b"".join(body)
        return "app" if status == ["299"] else status[0]
    except Exception as error:  # a failure is an outcome here
        return type(error).__name__


if __name__ == "__main__":
    if len(sys.argv) == 1:
        python = environment()
        os.execv(python, [python, __file__, "run"])
    for line in sys.stdin:
        print(outcome(json.loads(line)), flush=True)
