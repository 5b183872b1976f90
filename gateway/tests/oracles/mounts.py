#!/usr/bin/env python3
"""What Werkzeug's DispatcherMiddleware and Paste's URLMap do with the cases of mounts: reads the lines of mounts.jsonl
from standard input, and writes for each which service got the request, with SCRIPT_NAME and PATH_INFO, by both."""

import json
import os
import sys
import urllib.parse

from originals import environment


def environ(request):
    """The environment of WSGI, as servers make it: the path is decoded once."""
    method, _, target = request.rpartition(" ")
    path = target.removeprefix("http://h")
    path = urllib.parse.unquote_to_bytes(path).decode("latin-1")
    return {
        "REQUEST_METHOD": method or "GET", "SCRIPT_NAME": "", "PATH_INFO": path, "SERVER_NAME": "a.example",
        "SERVER_PORT": "80", "wsgi.url_scheme": "http",
    }


def service(name):
    def run(environ, start_response):
        start_response("200 OK", [])
        seen = [name, environ["SCRIPT_NAME"], environ["PATH_INFO"]]
        return [json.dumps(seen).encode()]
    return run


def ask(make, request):
    try:
        return json.loads(b"".join(make()(environ(request), lambda *_: None)))
    except Exception as error:  # a failure is an outcome here
        return [type(error).__name__, "", ""]


def urlmap(mounts):
    from paste.urlmap import URLMap

    app = URLMap(not_found_app=service("fallback"))
    for path, name in mounts:
        app[path] = service(name)
    return app


def main():
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    for line in sys.stdin:
        case = json.loads(line)
        mounts = {path: service(name) for path, name in case["mounts"]}
        werkzeug = ask(lambda: DispatcherMiddleware(service("fallback"), mounts), case["request"])
        paste = ask(lambda: urlmap(case["mounts"]), case["request"])
        print(json.dumps({"werkzeug": werkzeug, "paste": paste}), flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        python = environment()
        os.execv(python, [python, __file__, "run"])
    main()
