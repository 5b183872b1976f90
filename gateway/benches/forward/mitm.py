"""mitmproxy's addon: it answers itself."""
from mitmproxy import http

ANSWER = b"a" * 1024


def request(flow):
    flow.response = http.Response.make(200, ANSWER)
