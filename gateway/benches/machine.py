"""Processes: what they cost, and how a proxy is started and stopped."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def processes(pid):
    """A process and all its children."""
    pids = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            pids += processes(int(child))
    return pids


def cpu(pid):
    """Seconds of CPU time so far, in user and system mode, of all threads of a process and its children."""
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


class Program:
    """A server: how it is started, and what it needs. `%(port)s` and such in its command, its variables and its files
    are filled in when it starts."""

    def __init__(self, name, command, upstream="", path="", needs=(), env=None, files=None):
        self.name, self.command, self.upstream, self.path = name, command, upstream, path
        self.needs, self.env, self.files = needs, env or {}, files or {}

    def missing(self):
        """What it needs and this machine does not have."""
        return [str(tool) for tool in self.needs if not (shutil.which(tool) or pathlib.Path(tool).exists())]

    @contextlib.contextmanager
    def running(self, folder):
        """Runs it. Gives its port and the id of its process."""
        port = free_port()
        values = {"port": port, "upstream": self.upstream, "folder": folder}
        for name, text in self.files.items():
            (pathlib.Path(folder) / name).write_text(text % values)
        command = [str(part) % values for part in self.command]
        env = {**os.environ, **{key: value % values for key, value in self.env.items()}}
        with open(f"{folder}/said-{port}", "w+", encoding="utf-8", errors="replace") as said:
            process = subprocess.Popen(command, env=env, stdout=said, stderr=said)
            try:
                for _ in range(200):
                    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                        break
                    time.sleep(0.05)
                else:
                    said.seek(0)
                    raise RuntimeError(f"{self.name} does not start: {said.read()[-500:]}")
                yield port, process.pid
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
