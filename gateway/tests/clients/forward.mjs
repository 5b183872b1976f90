// Node through the proxy. Arguments: the proxy's host and port, the CA's file.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';

const [host, port, file] = process.argv.slice(2);
const ca = readFileSync(file);
for (const name of ['example.com', '192.0.2.1']) {
  const connect = http.request({ host, port, method: 'CONNECT', path: `${name}:443`, headers: { host: `${name}:443` } });
  const socket = await new Promise((resolve, reject) => connect.on('connect', (_, socket) => resolve(socket)).on('error', reject).end());
  const options = { host: name, path: '/a', ca, socket, agent: false, servername: name === 'example.com' ? name : undefined };
  const answer = await new Promise((resolve, reject) => https.get(options, resolve).on('error', reject));
  answer.setEncoding('utf8');
  for await (const text of answer) console.log(text);
}
