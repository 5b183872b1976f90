"""wsgiprox as its own tests run it, under gevent. Arguments: the port, the file of the authority."""
from gevent.monkey import patch_all; patch_all()

import sys

from gevent.pywsgi import WSGIServer
from wsgiprox.wsgiprox import WSGIProxMiddleware

ANSWER = b"a" * 1024


def app(environ, start_response):
    start_response("200 OK", [("Content-Length", str(len(ANSWER)))])
    return [ANSWER]


port, authority = sys.argv[1:]
app = WSGIProxMiddleware(app, "/", proxy_options={"ca_file_cache": authority})
WSGIServer(("127.0.0.1", int(port)), app, log=None).serve_forever()
