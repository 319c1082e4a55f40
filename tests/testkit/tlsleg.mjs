// tlsleg.mjs PORT ADDRESS:PORT NAME[:PORT] - a plain port on loopback whose bytes travel on inside TLS, for programs that speak no TLS themselves.
//
// Each connection to 127.0.0.1:PORT becomes a TLS connection to ADDRESS with NAME in its handshake.  A request that names the own port in its Host field names
// NAME:PORT there instead; any other byte passes as it came.
import { createServer } from 'node:net';
import { connect } from 'node:tls';
import { readFileSync } from 'node:fs';

const [port, target, as] = process.argv.slice(2);
const [address, targetPort] = [target.slice(0, target.lastIndexOf(':')), Number(target.slice(target.lastIndexOf(':') + 1))];
const [name, namePort = String(targetPort)] = as.split(':');
const ca = readFileSync(process.env.CA ?? '/etc/ssl/certs/ca-certificates.crt');
const own = new RegExp(`^(host:\\s*)${name}:${port}(\\s*)$`, 'im');

// Heads are sent in one piece by the programs this is for; what follows a head in the same piece stays.
const renamed = (chunk) => {
  if (!/^[A-Z]+ \S+ HTTP\//.test(chunk.toString('latin1', 0, 2048))) return chunk;
  const end = chunk.indexOf('\r\n\r\n');
  const head = chunk.toString('latin1', 0, end < 0 ? chunk.length : end);
  return Buffer.concat([Buffer.from(head.replace(own, `$1${name}:${namePort}$2`), 'latin1'), end < 0 ? Buffer.alloc(0) : chunk.subarray(end)]);
};

createServer({ allowHalfOpen: true }, (near) => {
  const far = connect({ host: address, port: targetPort, servername: name, ca, ALPNProtocols: ['http/1.1'] });
  near.on('data', (chunk) => far.write(renamed(chunk)) || near.pause());
  far.on('drain', () => near.resume());
  far.on('data', (chunk) => near.write(chunk) || far.pause());
  near.on('drain', () => far.resume());
  near.on('end', () => far.end());
  far.on('end', () => near.end());
  near.on('close', () => far.destroy());
  far.on('close', () => near.destroy());
  near.on('error', () => far.destroy());
  far.on('error', (error) => (console.error(error.message), near.destroy()));
}).listen(Number(port), '127.0.0.1', () => console.log(`tlsleg ${port}`));
