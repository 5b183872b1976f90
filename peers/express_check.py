#!/usr/bin/env python3
"""Runs Express on the inputs in cases/*.toml.

npm installs each version named there in a temporary folder. A request goes through Node's own server
and a socket, so that the field lines are read as in practice. The other end of the socket then plays
the proxy at 10.0.0.1. `trust proxy` is the count of the case, or 10.0.0.0/8 for a walk. Exits with 1
if an answer differs from the recorded one.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

CASES = pathlib.Path(__file__).parent / "cases"
LABEL = re.compile(r"express (?P<version>\S+)(?: \((?P<value>host|scheme)\))?$")
PROPERTY = {None: "ip", "host": "host", "scheme": "protocol"}

# Cases on standard input, answers on standard output.
ASK = """
const net = require('node:net')
const express = require('express')

async function answer ({ lines, trust, property }) {
  const app = express()
  app.set('trust proxy', trust)
  app.use((request, response) => {
    Object.defineProperty(request.socket, 'remoteAddress', { value: '10.0.0.1' })
    response.end(String(request[property] ?? 'none'))
  })
  const server = app.listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const client = net.connect(server.address().port, '127.0.0.1')
  const host = lines.some(line => line.startsWith('Host:')) ? [] : ['Host: app.example']
  client.write(['GET / HTTP/1.1', ...host, ...lines, 'Connection: close', '', ''].join('\\r\\n'), 'latin1')
  const parts = []
  for await (const part of client) parts.push(part)
  server.close()
  return Buffer.concat(parts).toString('latin1').split('\\r\\n\\r\\n')[1]
}

(async () => {
  const cases = JSON.parse(require('node:fs').readFileSync(0, 'utf8'))
  const answers = []
  for (const one of cases) answers.push(await answer(one))
  console.log(JSON.stringify(answers))
})()
"""


def load():
    """Recorded answers by Express version: (case, label, question, truth, expected)."""
    by_version = {}
    for path in sorted(CASES.glob("*.toml")):
        for case in tomllib.loads(path.read_text())["case"]:
            for label, expected in case["expected"].items():
                if not (asked := LABEL.match(label)):
                    continue
                count = re.search(r"\bfor=(\d+)", case["config"])
                question = {
                    "lines": case["lines"],
                    "trust": int(count[1]) if count else "10.0.0.0/8",
                    "property": PROPERTY[asked["value"]],
                }
                row = (case["name"], label, question, case["truth"], expected)
                by_version.setdefault(asked["version"], []).append(row)
    return by_version


def ask(version, questions):
    with tempfile.TemporaryDirectory() as folder:
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", f"express@{version}"]
        subprocess.run(install, cwd=folder, check=True)
        script = pathlib.Path(folder, "ask.js")
        script.write_text(ASK)
        run = subprocess.run(
            ["node", script], cwd=folder, input=json.dumps(questions), capture_output=True, text=True
        )
    if run.returncode:
        sys.exit(run.stderr)
    return json.loads(run.stdout)


def main():
    failures = 0
    for version, rows in load().items():
        for row, answer in zip(rows, ask(version, [question for _, _, question, _, _ in rows])):
            name, label, question, truth, expected = row
            verdict = "right" if answer == truth else "WRONG"
            if answer != expected:
                verdict += f"; FAILED, {expected} was recorded"
                failures += 1
            print(f"{label} trust proxy={question['trust']} {name}: {' | '.join(question['lines'])}")
            print(f"    answers {answer}, truth {truth}, {verdict}")
    print(f"{failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
