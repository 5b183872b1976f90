#!/usr/bin/env python3
"""What redbot says of these URLs: for each note a line {"url", "level", "name", "text"}. The versions are installed from
PyPI, as oracles/originals.py does."""

import configparser
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "oracles"))

from originals import environment

PINS = {
    "redbot": "2.7.1",
    # What it depends on. The notes are httplint's.
    "httplint": "2026.10.4",
    "babel": "2.19.0",
    "brotli": "1.2.1",
    "certifi": "2026.10.19.post1",
    "cffi": "2.1.1",
    "chardet": "7.7.0",
    "cryptography": "50.0.2",
    "dnspython": "2.9.2",
    "http-sf": "1.5.0",
    "idna": "3.20",
    "jinja2": "3.1.6",
    "markdown": "3.11.3",
    "markupsafe": "3.0.4",
    "netaddr": "1.3.0",
    "pycparser": "3.12",
    "sniffpy": "1.0.0",
    "thor": "0.17.0",
    "typing_extensions": "4.16.0",
}


def check(urls):
    """Checks one after the other, because there is one event loop."""
    import thor
    from redbot.resource import HttpResource

    settings = configparser.ConfigParser()
    # Otherwise it does not ask this machine.
    settings.read_dict({"redbot": {"enable_local_access": "True"}})
    url = urls.pop(0)
    resource = HttpResource(settings["redbot"])
    resource.set_request(url)

    @thor.events.on(resource)
    def check_done():
        tell(url, resource)
        if urls:
            check(urls)
        else:
            thor.stop()

    resource.check()


def tell(url, resource):
    if not resource.response.complete:
        sys.exit(f"{url}: {resource.fetch_error}")
    for request in [resource, *(check for check in resource.subreqs.values() if check.has_response)]:
        for note in request.response.notes:
            name, text = type(note).__name__, str(note.summary)
            print(json.dumps({"url": url, "level": note.level.value, "name": name, "text": text}), flush=True)


if __name__ == "__main__":
    if "REDBOT_INSIDE" not in os.environ:
        os.environ["REDBOT_INSIDE"] = "1"
        python = environment(PINS, "-redbot")
        os.execv(python, [python, *sys.argv])
    import thor

    check(sys.argv[1:])
    thor.run()
