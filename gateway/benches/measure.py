#!/usr/bin/env python3
"""Measures the gateway beside other proxies, in one run, and writes the tables of docs/PERFORMANCE.md.

    python3 gateway/benches/measure.py            everything, about 12 minutes
    python3 gateway/benches/measure.py --rounds 1 --seconds 1    a trial

Needs cargo, nginx, haproxy, wrk, go, node, npm, curl and python3-venv (Debian). What is missing is named in the tables.

What counts is the CPU time of the proxy's own processes for each request, because a busy machine changes it least. All
proxies have one worker, keep connections to upstream open, and log nothing. The rounds of all proxies alternate.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BIN = HERE / "target" / "release"
PERFORMANCE = HERE.parent / "docs" / "PERFORMANCE.md"
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def processes(pid):
    """A process and all its children."""
    pids = [pid]
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pids += processes(int(child))
    return pids


def cpu(pid):
    """Seconds of CPU time so far, in user and system mode."""
    ticks = 0
    for each in processes(pid):
        fields = pathlib.Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICK


def memory(pid, key="VmRSS"):
    """KiB of a process and its children."""
    total = 0
    for each in processes(pid):
        status = pathlib.Path(f"/proc/{each}/status").read_text()
        total += int(re.search(rf"{key}:\s+(\d+)", status)[1])
    return total


class Proxy:
    def __init__(self, name, command, upstream, path="", needs=None, env=None, files=None):
        self.name, self.command, self.upstream = name, command, upstream
        self.path, self.needs, self.env, self.files = path, needs or [], env or {}, files or {}

    def missing(self):
        return [tool for tool in self.needs if not (shutil.which(tool) or pathlib.Path(tool).exists())]

    @contextlib.contextmanager
    def running(self, folder):
        port = free_port()
        values = {"port": port, "upstream": self.upstream, "folder": folder, "name": self.name.split()[0]}
        for name, text in self.files.items():
            (pathlib.Path(folder) / name).write_text(text % values)
        command = [part % values for part in self.command]
        env = {**os.environ, **{key: value % values for key, value in self.env.items()}}
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            else:
                raise RuntimeError(f"{self.name} does not start")
            yield port, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


NGINX = """daemon off; master_process off; pid %(folder)s/%(name)s.pid; error_log %(folder)s/%(name)s.err;
events { worker_connections 8192; }
http { access_log off; keepalive_requests 1000000000; client_max_body_size 0;
  client_body_temp_path %(folder)s/1; proxy_temp_path %(folder)s/2; fastcgi_temp_path %(folder)s/3;
  uwsgi_temp_path %(folder)s/4; scgi_temp_path %(folder)s/5;
"""
NGINX_FILES = NGINX + "server { listen 127.0.0.1:%(port)s; root %(folder)s/html; } }\n"
NGINX_PROXY = NGINX + """
  map $http_upgrade $upgraded { default upgrade; '' ''; }
  upstream up { server %(upstream)s; keepalive 512; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:%(port)s; location / { proxy_pass http://up; proxy_http_version 1.1;
    proxy_buffering off; proxy_request_buffering off;
    proxy_set_header Connection $upgraded; proxy_set_header Upgrade $http_upgrade;
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


def proxies(upstream, tools):
    nginx = ["nginx", "-p", "%(folder)s", "-c", "%(folder)s/%(name)s.conf"]
    gunicorn = [str(tools / "venv/bin/gunicorn"), "--chdir", str(HERE / "peers"), "-b", "127.0.0.1:%(port)s",
                "-k", "gthread", "--threads", "8", "--keep-alive", "60"]
    waitress = [str(tools / "venv/bin/waitress-serve"), "--listen", "127.0.0.1:%(port)s", "--threads", "8"]
    python = {"UPSTREAM": upstream, "PYTHONPATH": str(HERE / "peers")}
    venv = [str(tools / "venv/bin/gunicorn")]
    here = ["127.0.0.1:%(port)s", "%(upstream)s"]
    return [
        Proxy("proxyfix-gateway", [str(BIN / "ours"), *here], upstream),
        Proxy("proxyfix-gateway, 2 threads", [str(BIN / "ours"), *here, "2"], upstream),
        Proxy("hyper alone (the floor)", [str(BIN / "bare"), *here], upstream),
        Proxy("axum-reverse-proxy 2.4", [str(BIN / "arp"), *here], upstream),
        Proxy("nginx", nginx, upstream, needs=["nginx"], files={"nginx.conf": NGINX_PROXY}),
        Proxy("HAProxy", ["haproxy", "-q", "-db", "-f", "%(folder)s/haproxy.cfg"], upstream, needs=["haproxy"],
              files={"haproxy.cfg": HAPROXY}),
        Proxy("Go ReverseProxy", [str(tools / "reverse"), *here], upstream, needs=[str(tools / "reverse")]),
        Proxy("http-proxy (npm)", ["node", str(tools / "http_proxy.cjs"), *here], upstream,
              needs=["node", str(tools / "node_modules/http-proxy")]),
        Proxy("Werkzeug, gunicorn", [*gunicorn, "originals:werkzeug"], upstream, path="/b", needs=venv, env=python),
        Proxy("Werkzeug, waitress", [*waitress, "originals:werkzeug"], upstream, path="/b", needs=venv, env=python),
        Proxy("Paste, gunicorn", [*gunicorn, "originals:paste"], upstream, needs=venv, env=python),
        Proxy("Paste, waitress", [*waitress, "originals:paste"], upstream, needs=venv, env=python),
    ]


def prepare():
    """Builds everything that is built. What cannot be is missing in the tables."""
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=HERE, check=True)
    tools = HERE / "target" / "peers"
    tools.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        subprocess.run(["go", "build", "-o", tools / "reverse", HERE / "peers/reverse.go"], check=True)
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        shutil.copy(HERE / "peers/http_proxy.cjs", tools)
        subprocess.run(["npm", "install", "--silent", "--prefix", tools, "http-proxy@1.18.1"], check=True)
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        if not (tools / "venv").exists():
            subprocess.run([sys.executable, "-m", "venv", tools / "venv"], check=True)
        packages = ["werkzeug==3.1.9", "paste==3.10.1", "gunicorn", "waitress==3.0.2"]
        subprocess.run([tools / "venv/bin/pip", "install", "--quiet", *packages], check=True)
    return tools


def requests(port, path, connections, seconds):
    """Loads a proxy with wrk. Every answer must be right."""
    url = f"http://127.0.0.1:{port}{path}/1k"
    body = subprocess.run(["curl", "-sf", url], capture_output=True, check=True).stdout
    assert body == b"x" * 1024, f"{len(body)} bytes"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    wrong = re.findall(r"Non-2xx or 3xx responses: \d+|Socket errors: .*", text)
    return int(re.search(r"(\d+) requests in", text)[1]), wrong


def gets(all_proxies, folder, options, connections):
    """CPU time and wall time for each request, over all rounds."""
    results = {proxy.name: {"cpu": [], "rate": [], "wrong": []} for proxy in all_proxies}
    with contextlib.ExitStack() as stack:
        running = [(proxy, *stack.enter_context(proxy.running(folder))) for proxy in all_proxies]
        for number in range(options.rounds + 1):
            for proxy, port, pid in running:
                is_slow = proxy.needs and "gunicorn" in proxy.needs[0]
                if is_slow and number > 1:
                    continue
                before, started = cpu(pid), time.monotonic()
                count, wrong = requests(port, proxy.path, connections, options.seconds)
                spent, passed = cpu(pid) - before, time.monotonic() - started
                if number > 0:
                    result = results[proxy.name]
                    result["cpu"].append(spent / count * 1e6)
                    result["rate"].append(count / passed)
                    result["wrong"] += wrong
        for proxy, _, pid in running:
            results[proxy.name]["memory"] = memory(pid)
    return results


def bodies(proxy, folder):
    """CPU time and most memory for 1 GiB each way."""
    result = {}
    for way, arguments in [("down", ["/big"]), ("up", ["/sink", "-T", "-", "-X", "POST", "-H", "Expect:"])]:
        with proxy.running(folder) as (port, pid):
            url = f"http://127.0.0.1:{port}{proxy.path}{arguments[0]}"
            command = ["curl", "-sf", "-o", f"{folder}/out" if way == "up" else "/dev/null",
                       "-w", "%{size_download}", url, *arguments[1:]]
            before = cpu(pid)
            if way == "up":
                source = subprocess.Popen(["head", "-c", str(1 << 30), "/dev/zero"], stdout=subprocess.PIPE)
                done = subprocess.run(command, stdin=source.stdout, capture_output=True, text=True, timeout=300)
                source.kill()
                right = done.returncode == 0 and pathlib.Path(f"{folder}/out").read_text() == str(1 << 30)
            else:
                done = subprocess.run(command, capture_output=True, text=True, timeout=300)
                right = done.returncode == 0 and done.stdout == str(1 << 30)
            result[way] = {"cpu": cpu(pid) - before, "memory": memory(pid, "VmHWM"), "right": right}
    return result


def websockets(proxy, folder, count=1000, rounds=20):
    """Memory for each idle WebSocket, and CPU time for each message."""
    with proxy.running(folder) as (port, pid):
        before = memory(pid)
        client = subprocess.Popen([BIN / "websockets", f"127.0.0.1:{port}", str(count), str(rounds)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if client.stdout.readline() != "open\n":
            return {"right": False}
        time.sleep(1)
        idle, spent = memory(pid) - before, cpu(pid)
        client.stdin.write("\n")
        client.stdin.flush()
        right = client.stdout.readline() == "done\n"
        spent = cpu(pid) - spent
        client.kill()
        return {"memory": idle / count, "cpu": spent / (count * rounds) * 1e6, "right": right}


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def written(results, missing):
    """The tables, in Markdown."""
    parts = []
    for connections in ("32", "512"):
        measured = results["gets"][connections]
        floor = min(measured["proxyfix-gateway"]["cpu"])
        rows = []
        for name, one in measured.items():
            least, middle = min(one["cpu"]), statistics.median(one["cpu"])
            note = "; ".join(sorted(set(one["wrong"])))[:60] or "all right"
            rows.append([name, f"{least:.1f}", f"{middle:.1f}", f"{1e6 / least:,.0f}", f"{least / floor:.2f}",
                         f"{one['memory'] / 1024:.0f}", note])
        head = ["proxy", "µs, least", "µs, median", "requests per CPU-second", "times ours", "MiB", "answers"]
        parts.append(f"### GETs of 1 KiB over {connections} connections\n\n" + table(head, rows))
    rows = []
    for name, one in results["bodies"].items():
        cells = [name]
        for way in ("down", "up"):
            got = one[way]
            cells += [f"{got['cpu']:.2f}", f"{got['memory'] / 1024:.0f}"] if got["right"] else ["wrong or refused", ""]
        rows.append(cells)
    head = ["proxy", "CPU s, down", "most MiB", "CPU s, up", "most MiB"]
    parts.append("### A body of 1 GiB each way\n\n" + table(head, rows))
    rows = []
    for name, one in results["websockets"].items():
        right = one["right"]
        rows.append([name, f"{one['memory']:.1f}" if right else "no upgrade", f"{one['cpu']:.1f}" if right else ""])
    parts.append("### 1,000 WebSockets\n\n" + table(["proxy", "KiB for each, idle", "µs CPU for each echo"], rows))
    if missing:
        parts.append("Missing on this machine: " + ", ".join(missing) + ".")
    return "\n\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    options = parser.parse_args()
    tools = prepare()
    with tempfile.TemporaryDirectory() as folder:
        html = pathlib.Path(folder) / "html"
        html.mkdir()
        (html / "1k").write_text("x" * 1024)
        files = Proxy("files", ["nginx", "-p", folder, "-c", f"{folder}/files.conf"], "", needs=["nginx"],
                      files={"files.conf": NGINX_FILES})
        results, missing = {"gets": {}, "bodies": {}, "websockets": {}}, []
        with files.running(folder) as (port, _):
            everyone = proxies(f"127.0.0.1:{port}", tools)
            missing = [proxy.name for proxy in everyone if proxy.missing()]
            present = [proxy for proxy in everyone if not proxy.missing()]
            for connections in (32, 512):
                print(f"GETs over {connections} connections", flush=True)
                some = [proxy for proxy in present if connections == 32 or "orn" not in proxy.name and "ress" not in proxy.name]
                results["gets"][str(connections)] = gets(some, folder, options, connections)
        big = Proxy("upstream", [str(BIN / "upstream"), "127.0.0.1:%(port)s"], "")
        with big.running(folder) as (port, _):
            for proxy in proxies(f"127.0.0.1:{port}", tools):
                if proxy.missing() or "2 threads" in proxy.name:
                    continue
                print(proxy.name, flush=True)
                # The originals take an upload whole into memory, and have no upgrades.
                if "orn" not in proxy.name and "ress" not in proxy.name:
                    results["bodies"][proxy.name] = bodies(proxy, folder)
                    if "floor" not in proxy.name:
                        results["websockets"][proxy.name] = websockets(proxy, folder)
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    text = PERFORMANCE.read_text()
    begin, end = "<!-- measured -->", "<!-- end -->"
    machine = f"{os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}, load {os.getloadavg()[0]:.1f} at the end."
    start, rest = text.split(begin)[0], text.split(end)[1]
    PERFORMANCE.write_text(f"{start}{begin}\n\n{machine}\n\n{written(results, missing)}\n\n{end}{rest}")
    print(f"wrote {PERFORMANCE}")


if __name__ == "__main__":
    main()
