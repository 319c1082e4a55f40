// conffront.mjs ADDRESS PORT - a TLS front (CERT, KEY) for servers that listen on ports of localhost: a request goes to the port that its X-Lab-Port names, with
// the path of X-Lab-Path and the Host that such a server expects.  Everything else passes as it came, and each end's leaving reaches the other.
import { createServer } from 'node:https';
import { request } from 'node:http';
import { readFileSync } from 'node:fs';

const [address, port] = process.argv.slice(2);

createServer({ cert: readFileSync(process.env.CERT), key: readFileSync(process.env.KEY) }, (req, res) => {
  const to = req.headers['x-lab-port'], [own, query] = req.url.split('?'), path = req.headers['x-lab-path'] ?? own;
  const headers = req.rawHeaders.flatMap((name, i) => (i % 2 ? [] : /^(host|x-lab-(port|path))$/i.test(name) ? [] : [name, req.rawHeaders[i + 1]]));
  const on = request({ host: 'localhost', port: to, method: req.method, path: path + (query ? `?${query}` : ''), headers: ['Host', `localhost:${to}`, ...headers], agent: false }, (answer) => {
    res.writeHead(answer.statusCode, answer.statusMessage, answer.rawHeaders.filter((_, i) => !/^(connection|keep-alive)$/i.test(answer.rawHeaders[i & ~1])));
    res.flushHeaders();
    answer.pipe(res);
    answer.on('error', () => res.destroy());
  });
  on.on('error', () => res.destroy());
  res.on('close', () => on.destroy());
  req.pipe(on);
}).listen(Number(port), address, () => console.log(`conffront ${address}:${port}`));
