"""The proxies, the upstreams, and how they are built.

All proxies have one worker or thread, keep connections to upstream open, and write no log.
"""

import contextlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys

from machine import Program

HERE = pathlib.Path(__file__).resolve().parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or HERE / "target").resolve()
BIN = TARGET / "release"
TOOLS = TARGET / "peers"

PYTHON_PACKAGES = ["werkzeug==3.1.9", "paste==3.10.1", "gunicorn==23.0.0", "waitress==3.0.2"]
NODE_PACKAGE = "http-proxy@1.18.1"

NGINX = """daemon off; master_process off; pid %(folder)s/pid-%(port)s; error_log %(folder)s/errors-%(port)s;
events { worker_connections 8192; }
http { access_log off; keepalive_requests 1000000000; client_max_body_size 0;
  client_body_temp_path %(folder)s/1; proxy_temp_path %(folder)s/2; fastcgi_temp_path %(folder)s/3;
  uwsgi_temp_path %(folder)s/4; scgi_temp_path %(folder)s/5;
"""
NGINX_FILES = NGINX + "server { listen 127.0.0.1:%(port)s; root %(folder)s/html; } }\n"
# Buffers in memory, but no files: both ways stream, as with the others.
NGINX_PROXY = NGINX + """
  map $http_upgrade $connection_field { default upgrade; '' ''; }
  upstream up { server %(upstream)s; keepalive 512; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:%(port)s; location / { proxy_pass http://up; proxy_http_version 1.1;
    proxy_max_temp_file_size 0; proxy_request_buffering off;
    proxy_set_header Connection $connection_field; proxy_set_header Upgrade $http_upgrade;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host; } } }
"""
HAPROXY = """global
  nbthread 1
  maxconn 8192
defaults
  mode http
  option forwardfor
  http-reuse always
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
listen front
  bind 127.0.0.1:%(port)s
  server up %(upstream)s pool-max-conn 512
"""

OURS = "proxyfix-gateway"
FLOOR = "hyper alone (the floor)"
# The threads of the originals' servers are few, so they are measured over few connections.
ORIGINALS = ["Werkzeug, gunicorn", "Werkzeug, waitress", "Paste, gunicorn", "Paste, waitress"]
# Other ways to serve ours. Bodies and WebSockets are measured once.
OTHER_SERVERS = [f"{OURS}, 2 threads", f"{OURS}, axum::serve"]


def proxies(upstream):
    here = ["127.0.0.1:%(port)s", "%(upstream)s"]
    venv = TOOLS / "venv/bin"
    gunicorn = [venv / "gunicorn", "-b", "127.0.0.1:%(port)s", "-k", "gthread", "--threads", "8", "--keep-alive", "60"]
    waitress = [venv / "waitress-serve", "--listen", "127.0.0.1:%(port)s", "--threads", "8",
                "--max-request-body-size", str(1 << 32)]
    python = {"UPSTREAM": upstream, "PYTHONPATH": str(HERE / "peers")}

    def original(name, server, application, path=""):
        return Program(name, [*server, f"originals:{application}"], upstream, path, [server[0]], python)

    return [
        Program(OURS, [BIN / "ours", *here], upstream),
        Program(OTHER_SERVERS[0], [BIN / "ours", *here, "threads"], upstream),
        Program(OTHER_SERVERS[1], [BIN / "ours", *here, "axum"], upstream),
        Program(FLOOR, [BIN / "bare", *here], upstream),
        Program("axum-reverse-proxy", [BIN / "arp", *here], upstream),
        Program("nginx", ["nginx", "-p", "%(folder)s", "-c", "%(folder)s/proxy.conf"], upstream, needs=["nginx"],
                files={"proxy.conf": NGINX_PROXY}),
        Program("HAProxy", ["haproxy", "-q", "-db", "-f", "%(folder)s/haproxy.cfg"], upstream, needs=["haproxy"],
                files={"haproxy.cfg": HAPROXY}),
        Program("Go's ReverseProxy", [TOOLS / "reverse", *here], upstream, needs=["go", TOOLS / "reverse"]),
        Program("http-proxy (npm)", ["node", TOOLS / "http_proxy.cjs", *here], upstream,
                needs=["node", "npm", TOOLS / "node_modules/http-proxy"]),
        original(ORIGINALS[0], gunicorn, "werkzeug", "/b"),
        original(ORIGINALS[1], waitress, "werkzeug", "/b"),
        original(ORIGINALS[2], gunicorn, "paste"),
        original(ORIGINALS[3], waitress, "paste"),
    ]


def files(folder):
    """nginx with a file of 1 KiB, the upstream of the GETs."""
    html = pathlib.Path(folder) / "html"
    html.mkdir()
    (html / "1k").write_text("x" * 1024)
    command = ["nginx", "-p", "%(folder)s", "-c", "%(folder)s/files.conf"]
    return Program("the upstream", command, files={"files.conf": NGINX_FILES})


def big():
    """The upstream of big bodies and WebSockets."""
    return Program("the upstream", [BIN / "upstream", "127.0.0.1:%(port)s"])


def prepare():
    """Builds everything. A peer that cannot be built is missing in the tables, which say so."""
    for tool in ("cargo", "nginx", "wrk"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing, and nothing can be measured without it")
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=HERE, check=True)
    TOOLS.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        subprocess.run(["go", "build", "-o", TOOLS / "reverse", HERE / "peers/reverse.go"], check=True)
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        shutil.copy(HERE / "peers/http_proxy.cjs", TOOLS)
        subprocess.run(["npm", "install", "--silent", "--prefix", TOOLS, NODE_PACKAGE], check=True)
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        if not (TOOLS / "venv").exists():
            subprocess.run([sys.executable, "-m", "venv", TOOLS / "venv"], check=True)
        subprocess.run([TOOLS / "venv/bin/pip", "install", "--quiet", *PYTHON_PACKAGES], check=True)


def said(*command):
    """The first line that a program says of itself."""
    with contextlib.suppress(OSError):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr).strip().split("\n")[0]
    return ""


def versions():
    """What was measured. Programs that are missing are left out."""
    lock = (HERE / "Cargo.lock").read_text()

    def crate(name):
        return name + " " + re.search(rf'name = "{name}"\nversion = "([^"]+)"', lock)[1]

    def number(name, *command):
        found = re.search(r"\d+\.[\d.]+", said(*command))
        return f"{name} {found[0].rstrip('.')}" if found else ""

    found = [
        said("rustc", "--version").split(" (")[0], crate("hyper"), crate("tokio"), crate("axum"),
        crate("axum-reverse-proxy"), number("nginx", "nginx", "-v"), number("HAProxy", "haproxy", "-v"),
        number("Go", "go", "version"), number("Node", "node", "--version"), NODE_PACKAGE.replace("@", " "),
        number("Python", sys.executable, "--version"), *[name.replace("==", " ") for name in PYTHON_PACKAGES],
        number("wrk", "wrk", "-v"), "Linux " + platform.release().split("-")[0],
    ]
    return [version for version in found if version]
