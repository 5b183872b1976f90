#!/usr/bin/env python3
"""Measures the forward proxy beside others that make certificates, in one run, and prints a table for docs/FORWARD.md.

    python3 gateway/benches/forward/measure.py

Needs cargo and Python's venv. `WSGIPROX=PYTHON` names a Python 3.8 that has wsgiprox 1.5.2, gevent 22.10.2, certauth 1.2.2,
pyOpenSSL 20.0.1 and cryptography 35 (it starts on nothing newer); `MITMPROXY=MITMDUMP` names mitmproxy's program. Without
them, they are left out. What counts is the CPU time of the server's own process, because a busy machine changes it least.
Rounds alternate, and the median of three is shown.
"""
import os
import pathlib
import socket
import statistics
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).parent
BUILT = HERE / "target/release"
TUNNELS, REQUESTS = 300, 16_000


def servers(folder):
    yield "proxyfix-gateway", lambda port: [BUILT / "ours", f"127.0.0.1:{port}"]
    yield "hudsucker 0.25.0", lambda port: [BUILT / "hudsucker", f"127.0.0.1:{port}"]
    yield "http-mitm-proxy 0.18.0", lambda port: [BUILT / "http_mitm_proxy", f"127.0.0.1:{port}"]
    if program := os.environ.get("MITMPROXY"):
        yield "mitmproxy 12.3.1", lambda port: [
            program, "--quiet", "--listen-host", "127.0.0.1", "--listen-port", str(port), "--set", f"confdir={folder}",
            "--set", "connection_strategy=lazy", "--scripts", HERE / "mitm.py"]
    if python := os.environ.get("WSGIPROX"):
        yield "wsgiprox 1.5.2", lambda port: [python, HERE / "original.py", str(port), f"{folder}/wsgiprox.pem"]


def cpu(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(process):
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0])


def run(arguments):
    """CPU microseconds of the server for one tunnel with a new host, with a known host, and for one request."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(arguments(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        time.sleep(1)
        found = {}
        for name, count, more in [("new host", TUNNELS, ["tunnels", str(TUNNELS), str(TUNNELS)]),
                                  ("known host", TUNNELS, ["tunnels", str(TUNNELS), "10"]),
                                  ("request", REQUESTS, ["requests", str(REQUESTS)])]:
            before = cpu(process)
            client = [BUILT / "client", f"127.0.0.1:{port}", *more]
            output = subprocess.run(client, capture_output=True, text=True, timeout=600)
            if output.returncode != 0:
                found[name] = None
                continue
            found[name] = ((cpu(process) - before) / count * 1e6, int(output.stdout))
        found["memory"] = memory(process)
        return found
    finally:
        process.kill()
        process.wait()


def main():
    subprocess.run(["cargo", "build", "--release", "--locked", "--manifest-path", HERE / "Cargo.toml"], check=True)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(3):
            for name, arguments in servers(folder):
                results.setdefault(name, []).append(run(arguments))
                print(name, results[name][-1], flush=True)
    print("\n| CPU microseconds of the server | tunnel, new host | tunnel, known host | request | wall time of a tunnel | memory |")
    print("|---|---|---|---|---|---|")
    for name, rounds in results.items():
        cells = []
        for what in ["new host", "known host", "request"]:
            values = [found[what][0] for found in rounds if found[what]]
            cells.append(f"{statistics.median(values):.0f}" if values else "fails")
        walls = [found["known host"][1] for found in rounds if found["known host"]]
        cells.append(f"{statistics.median(walls) / 1000:.1f} ms" if walls else "")
        cells.append(f"{statistics.median(found['memory'] for found in rounds) / 1024:.0f} MiB")
        print(f"| {name} | {' | '.join(cells)} |")


main()
