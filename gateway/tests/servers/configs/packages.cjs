// A server of a folder, by a package of npm: serve-static or sirv. It writes its port, and ends with its standard input.
// The arguments: the folder of the packages, the package, the folder.
const http = require("node:http");
const { createRequire } = require("node:module");

const [packages, name, root] = process.argv.slice(2);
const package_ = createRequire(`${packages}/`)(name);
const files = {
  "serve-static": () => package_(root),
  sirv: () => package_(root, { etag: true, gzip: true, brotli: true }),
}[name]();

const server = http.createServer((request, response) => {
  const missing = () => {
    response.statusCode = 404;
    response.end();
  };
  try {
    files(request, response, missing);
  } catch {
    // sirv throws at some ranges. That would end the process.
    response.statusCode = 500;
    response.end();
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit());
process.stdin.resume();
