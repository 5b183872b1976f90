"""The workloads. Each answer is checked; whatever is wrong is in the results."""

import contextlib
import pathlib
import re
import socket
import subprocess
import time

from catalogue import BIN, HERE
from machine import cpu, memory


def answer_size(port, path):
    """How many bytes an answer has, with its head. It must be the right one."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(f"GET {path}/1k HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        got = b""
        while got.count(b"x" * 1024) == 0:
            more = connection.recv(65536)
            assert more, f"an answer ended early: {got[:200]}"
            got += more
        # What may follow a chunk.
        connection.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            got += connection.recv(65536)
    assert got.startswith(b"HTTP/1.1 200 "), got[:200]
    return len(got)


def load(port, path, connections, seconds, size, checks):
    """Loads a proxy with wrk: the number of answers, and what was wrong with them."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", HERE / "peers/answers.lua",
               f"http://127.0.0.1:{port}{path}/1k", "--", "check" if checks else ""]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seen = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", text)}
    wrong = []
    for key, meaning in [("wrong", "wrong answers"), ("status", "answers other than 2xx"), ("broken", "broken off")]:
        if seen[key]:
            wrong.append(f"{seen[key]} {meaning}")
    # At the end, wrk drops at most one answer for each connection.
    if abs(seen["bytes"] - seen["answers"] * size) > 2 * connections * size:
        wrong.append(f"{seen['bytes']} bytes for {seen['answers']} answers of {size}")
    return seen["answers"], wrong


def gets(programs, folder, rounds, seconds, connections):
    """CPU time for each GET of 1 KiB. The rounds of all proxies alternate, and the first is not measured."""
    results = {program.name: {"cpu": [], "rate": [], "wrong": []} for program in programs}
    with contextlib.ExitStack() as stack:
        running = [(program, *stack.enter_context(program.running(folder))) for program in programs]
        sizes = {program.name: answer_size(port, program.path) for program, port, _ in running}
        for number in range(rounds + 1):
            for program, port, pid in running:
                result = results[program.name]
                before, started = cpu(pid), time.monotonic()
                count, wrong = load(port, program.path, connections, seconds, sizes[program.name], number == 0)
                spent, passed = cpu(pid) - before, time.monotonic() - started
                result["wrong"] += wrong
                if number > 0:
                    result["cpu"].append(spent / count * 1e6)
                    result["rate"].append(count / passed)
        for program, _, pid in running:
            results[program.name]["memory"] = memory(pid, "VmHWM")
    return results


def bodies(programs, folder, rounds, mebibytes):
    """CPU time and most memory for a big body each way, each in a process of its own."""
    results = {program.name: {way: {"cpu": [], "memory": [], "wrong": []} for way in ("down", "up")}
               for program in programs}
    for number in range(rounds):
        for program in programs:
            for way, result in results[program.name].items():
                # An original takes a whole body into memory. Once is enough to show it.
                if number > 0 and result["wrong"]:
                    continue
                with program.running(folder) as (port, pid):
                    command = [BIN / "bodies", f"127.0.0.1:{port}", f"{program.path}/{way}/{mebibytes}"]
                    before = cpu(pid)
                    try:
                        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
                        said = done.stdout if done.returncode == 0 else done.stderr
                    except subprocess.TimeoutExpired:
                        said = "not done within 120 s"
                    if said.strip() == "right":
                        result["cpu"].append(cpu(pid) - before)
                        result["memory"].append(memory(pid, "VmHWM"))
                    else:
                        result["wrong"].append(said.strip().split("\n")[0])
    return results


def websockets(programs, folder, rounds, count, echoes):
    """Memory for each idle WebSocket, and CPU time for each message that is echoed."""
    results = {program.name: {"memory": [], "cpu": [], "wrong": []} for program in programs}
    for number in range(rounds):
        for program in programs:
            result = results[program.name]
            if number > 0 and result["wrong"]:
                continue
            with program.running(folder) as (port, pid):
                before = memory(pid)
                command = [BIN / "websockets", f"127.0.0.1:{port}{program.path}", str(count), str(echoes)]
                errors = pathlib.Path(folder) / "websockets"
                with open(errors, "w", encoding="utf-8") as file, subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, text=True
                ) as client:
                    if client.stdout.readline() != "open\n":
                        result["wrong"].append(errors.read_text().strip().split("\n")[-1] or "no upgrade")
                        continue
                    time.sleep(1)
                    idle, spent = memory(pid) - before, cpu(pid)
                    client.stdin.write("\n")
                    client.stdin.flush()
                    right = client.stdout.readline() == "done\n"
                    spent = cpu(pid) - spent
                    client.kill()
                if right:
                    result["memory"].append(idle / count)
                    result["cpu"].append(spent / (count * echoes) * 1e6)
                else:
                    result["wrong"].append(errors.read_text().strip().split("\n")[-1])
    return results
