"""The client half of wsgiprox's own suite, in front of our proxy. WSGIPROX is the unpacked package, PORT and AUTH_PORT
are two proxies, CA is the certificate that both have."""
# Before anything else, as it wants.
from gevent.monkey import patch_all; patch_all()

import os
import sys
import types

import pytest

# The package's tests are a package `test`, as Python's own.
sys.path.insert(0, os.environ["WSGIPROX"])

import requests
from test.test_wsgiprox import BaseWSGIProx, scheme, ws_scheme
from test.test_wsgiprox import Test_gevent_WSGIProx as _Gevent

CA = os.environ["CA"]


def proxies(port, host="localhost"):
    # With the urllib3 of the suite, https:// meant a proxy without TLS for https.
    return {"http": f"http://{host}:{port}", "https": f"http://{host}:{port}"}


class TestOurs(BaseWSGIProx):
    @classmethod
    def setup_class(cls):
        cls.port, cls.root_ca_file, cls.server_type = os.environ["PORT"], CA, "ours"
        cls.proxies, cls.sesh = proxies(cls.port), requests.session()

    @classmethod
    def teardown_class(cls):
        pass

    def test_stream_data_chunked(self, scheme):
        # Whether the body was closed is seen in the server's process alone.
        self.server_type = "uwsgi"
        super().test_stream_data_chunked(scheme)

    test_in_mem_ca = None


class TestAuth:
    app, auth_resolver, root_ca_file = types.SimpleNamespace(), None, CA
    port, sesh_2 = os.environ["AUTH_PORT"], requests.session()
    proxies = proxies(port)
    proxy_dict = staticmethod(globals()["proxies"])
    test_proxy_auth_required = _Gevent.test_proxy_auth_required
    test_proxy_auth_success = _Gevent.test_proxy_auth_success
