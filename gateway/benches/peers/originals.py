"""The originals as WSGI applications. UPSTREAM says where they send."""

import os

from paste.proxy import Proxy
from werkzeug.middleware.http_proxy import ProxyMiddleware
from werkzeug.wrappers import Response

UPSTREAM = f"http://{os.environ['UPSTREAM']}/"

werkzeug = ProxyMiddleware(Response("other", status=404), {"/b/": {"target": UPSTREAM, "remove_prefix": True}})
paste = Proxy(UPSTREAM)
