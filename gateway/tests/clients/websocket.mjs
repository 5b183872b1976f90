// npm's ws, as a server and as a client: what websocket.py says, in JavaScript. The first argument is the
// folder of the package.

import { createRequire } from "node:module";

const [folder, what, url] = process.argv.slice(2);
const { WebSocket, WebSocketServer } = createRequire(`${folder}/`)("ws");
const SIZES = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20, 5 << 20];
const OPTIONS = { maxPayload: 0 };

function serve() {
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    maxPayload: 0,
    perMessageDeflate: { threshold: 0 },
    handleProtocols: (offered) => (offered.has("chat") ? "chat" : false),
  });
  server.on("listening", () => console.log(server.address().port));
  server.on("connection", (socket, request) => {
    socket.on("message", (data, isBinary) => {
      const text = isBinary ? "" : data.toString();
      if (text === "path") {
        socket.send(request.url);
      } else if (text === "pieces") {
        socket.send("one ", { fin: false });
        socket.send("two ", { fin: false });
        socket.send("three", { fin: true });
      } else if (text.startsWith("close ")) {
        const [, code, ...reason] = text.split(" ");
        socket.close(Number(code), reason.join(" "));
      } else {
        socket.send(data, { binary: isBinary });
      }
    });
  });
  process.stdin.on("end", () => process.exit(0)).resume();
}

/** A socket whose messages can be awaited. */
async function connect(protocols, options) {
  const socket = new WebSocket(url, protocols, { ...OPTIONS, ...options });
  const arrived = [];
  const waiting = [];
  const push = (event) => (waiting.length ? waiting.shift()(event) : arrived.push(event));
  socket.on("message", (data, isBinary) => push(isBinary ? data : data.toString()));
  socket.on("close", (code, reason) => push({ code, reason: reason.toString() }));
  socket.next = () =>
    arrived.length ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve));
  await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
  return socket;
}

async function closedBy(text) {
  const socket = await connect(["chat"]);
  socket.send(text);
  const { code, reason } = await socket.next();
  return [code, reason];
}

async function crowd(number) {
  const socket = await connect(["chat"]);
  for (let round = 0; round < 20; round++) {
    socket.send(`${number}/${round}`);
    if ((await socket.next()) !== `${number}/${round}`) return false;
  }
  socket.close(1000);
  await socket.next();
  return true;
}

async function talk() {
  const seen = {};
  const socket = await connect(["other", "chat"]);
  seen.subprotocol = socket.protocol;
  seen.compressed = socket.extensions.includes("permessage-deflate");
  socket.send("path");
  seen.path = await socket.next();
  socket.send("häl\u2603lo");
  seen.text = await socket.next();
  socket.send("frag", { fin: false });
  socket.send("men", { fin: false });
  socket.send("ted", { fin: true });
  seen.fragmented = await socket.next();
  socket.send("pieces");
  seen.pieces = await socket.next();
  for (const size of SIZES) {
    const data = Buffer.from(Array.from({ length: size }, (_, number) => number % 251));
    socket.send(data);
    seen[`binary ${size}`] = data.equals(await socket.next());
  }
  const pong = new Promise((resolve) => socket.on("pong", (data) => resolve(data.toString())));
  socket.ping("are you there");
  seen.pong = (await pong) === "are you there";
  let isInOrder = true;
  for (let number = 0; number < 1000; number++) socket.send(String(number));
  for (let number = 0; number < 1000; number++) isInOrder &&= (await socket.next()) === String(number);
  seen.thousand = isInOrder;
  socket.close(1000, "done");
  const { code, reason } = await socket.next();
  seen.close = [code, reason];
  const plain = await connect(["chat"], { perMessageDeflate: false });
  plain.send("plain");
  seen.uncompressed = [await plain.next(), plain.extensions !== ""];
  plain.close(1000);
  await plain.next();
  seen["closed 4001"] = await closedBy("close 4001 bye now");
  seen["closed 1011"] = await closedBy("close 1011 broken");
  seen.crowd = (await Promise.all(Array.from({ length: 50 }, (_, number) => crowd(number)))).every(Boolean);
  console.log(JSON.stringify(seen));
}

if (what === "serve") serve();
else await talk();
