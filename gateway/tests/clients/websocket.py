"""PyPI's websockets, as a server and as a client.

`serve` writes its port, and serves until standard input ends. `talk URL` does everything below, and writes
one line of JSON: what each step came to. The same server is in websocket.mjs, so that each client meets both.

The server sends back what it gets. Text that begins with `path` gets the request's path, `close CODE REASON`
gets that close, `pieces` gets a message in three frames.
"""

import asyncio
import json
import logging
import sys

import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

# A connection that the server closes with an error is what a step asks for.
logging.disable(logging.CRITICAL)
SIZES = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20, 5 << 20]


async def answer(socket):
    async for message in socket:
        if message == "path":
            await socket.send(socket.request.path)
        elif message == "pieces":
            await socket.send(["one ", "two ", "three"])
        elif isinstance(message, str) and message.startswith("close "):
            _, code, reason = message.split(" ", 2)
            await socket.close(int(code), reason)
        else:
            await socket.send(message)


async def serving():
    server = await serve(answer, "127.0.0.1", 0, subprotocols=["chat"], max_size=None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def closed_by(url, text):
    async with connect(url, subprotocols=["chat"]) as socket:
        await socket.send(text)
        try:
            await socket.recv()
        except websockets.ConnectionClosed as closed:
            return [closed.rcvd.code, closed.rcvd.reason]


async def crowd(url, number):
    async with connect(url, subprotocols=["chat"]) as socket:
        for round in range(20):
            await socket.send(f"{number}/{round}")
            if await socket.recv() != f"{number}/{round}":
                return False
    return True


async def talk(url):
    seen = {}
    async with connect(url, subprotocols=["other", "chat"], max_size=None) as socket:
        seen["subprotocol"] = socket.subprotocol
        seen["compressed"] = "permessage-deflate" in socket.response.headers.get(
            "Sec-WebSocket-Extensions", ""
        )
        await socket.send("path")
        seen["path"] = await socket.recv()
        await socket.send("häl\u2603lo")
        seen["text"] = await socket.recv()
        await socket.send(["frag", "men", "ted"])
        seen["fragmented"] = await socket.recv()
        await socket.send("pieces")
        seen["pieces"] = await socket.recv()
        for size in SIZES:
            data = bytes(number % 251 for number in range(size))
            await socket.send(data)
            seen[f"binary {size}"] = await socket.recv() == data
        waiter = await socket.ping(b"are you there")
        await asyncio.wait_for(waiter, 10)
        seen["pong"] = True
        for number in range(1000):
            await socket.send(str(number))
        seen["thousand"] = [await socket.recv() for _ in range(1000)] == [
            str(number) for number in range(1000)
        ]
        await socket.close(1000, "done")
        seen["close"] = [socket.close_code, socket.close_reason]
    async with connect(url, subprotocols=["chat"], compression=None) as socket:
        await socket.send("plain")
        seen["uncompressed"] = [await socket.recv(), "Sec-WebSocket-Extensions" in socket.response.headers]
    seen["closed 4001"] = await closed_by(url, "close 4001 bye now")
    seen["closed 1011"] = await closed_by(url, "close 1011 broken")
    seen["crowd"] = all(await asyncio.gather(*(crowd(url, number) for number in range(50))))
    print(json.dumps(seen))


if sys.argv[1] == "serve":
    asyncio.run(serving())
else:
    asyncio.run(talk(sys.argv[2]))
