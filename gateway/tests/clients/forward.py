"""requests, websockets and the strict mode of Python's ssl, through the proxy. Arguments: the proxy, the CA's file."""
import asyncio, http.client, ssl, sys

import requests
import websockets

proxy, ca = sys.argv[1:]
session = requests.Session()
session.trust_env = False
session.proxies = {"http": proxy, "https": proxy}
session.verify = ca
for url in ["http://example.com/a", "https://example.com/a", "https://192.0.2.1:8443/a", "https://b\u00fccher.example/a"]:
    answer = session.post(url, data=b"x" * 100_000)
    assert answer.status_code == 200, answer
    print(answer.text)
assert session.get("https://wsgiprox/download/cer").headers["content-type"] == "application/x-x509-ca-cert"


async def socket(url):
    context = ssl.create_default_context(cafile=ca) if url.startswith("wss") else None
    async with websockets.connect(url, proxy=proxy, ssl=context) as socket:
        await socket.send("hello")
        print(url, await socket.recv())


asyncio.run(socket("ws://example.com/websocket"))
asyncio.run(socket("wss://example.com/websocket"))

context = ssl.create_default_context(cafile=ca)
context.verify_flags |= ssl.VERIFY_X509_STRICT
host, port = proxy.removeprefix("http://").split(":")
for name in ["example.com", "192.0.2.1", "a" * 60 + "." + "b" * 60 + ".example"]:
    connection = http.client.HTTPSConnection(host, int(port), context=context)
    connection.set_tunnel(name, 443)
    connection.request("GET", "/strict")
    print(connection.getresponse().read().decode())
