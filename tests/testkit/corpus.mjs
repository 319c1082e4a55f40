// corpus.mjs - cases for edge.mjs beyond its own table: JSONTestSuite inside calls, and requests whose end is a matter of opinion.
//
// A case is {title, body(call)} or {title, raw(call, target)}; call(NAME) is a plain call of that tool as text.
import { readFileSync } from 'node:fs';

/** Each text of FILE (JSONTestSuite) as the body, as an argument, as all arguments, as the name and as the id, every ${every}th of them from ${first} on. */
export function jsonCases(file, every = 1, first = 0) {
  const texts = readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
  const bytes = [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe9], [0x80]];
  const raw = (text) => Buffer.from(text, 'utf8');
  const within = (template, text) => {
    const [before, after] = template.split('@@');
    return Buffer.concat([raw(before), text, raw(after)]);
  };
  const inputs = [
    ...texts.map(({ name, input }) => ({ name, text: raw(input) })),
    ...bytes.map((b) => ({ name: `bytes ${Buffer.from(b).toString('hex')}`, text: Buffer.concat([raw('"'), Buffer.from(b), raw('"')]) })),
    { name: '100000 arrays', text: raw('['.repeat(100000)) },
    { name: '50000 objects', text: raw('[{"":'.repeat(50000)) },
  ];
  const cases = inputs.flatMap(({ name, text }) => [
    { title: `${name} as body`, body: () => text },
    ...['safe', 'danger'].flatMap((tool) => [
      { title: `${name} as argument of ${tool}`, body: (call) => within(call(tool).replace('"arguments":{', () => '"arguments":{"x":@@,').replace('@@,}', () => '@@}'), text) },
      { title: `${name} before the name ${tool}`, body: (call) => within(call(tool).replace('"params":{', () => '"params":{"x":@@,'), text) },
    ]),
    { title: `${name} as name`, body: (call) => within(call('danger').replace('"danger"', () => '@@'), text) },
    { title: `${name} as id`, body: (call) => within(call('danger').replace('"id":1', () => '"id":@@'), text) },
    { title: `${name} behind`, body: (call) => within(`${call('danger')}@@`, text) },
  ]);
  return cases.filter((_, i) => i % every === first % every);
}

// What a request says of its own length, in ways of which one reader sees something and another nothing.
const lengths = {
  'te name with space before colon': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding : chunked'],
  'te with tab': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding:\tchunked'],
  'te with vertical tab': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: \x0bchunked'],
  'te xchunked': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: xchunked'],
  'te quoted': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: "chunked"'],
  'te single quoted': (n) => [`Content-Length: ${n}`, "Transfer-Encoding: 'chunked'"],
  'te identity': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: identity'],
  'te identity, chunked': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: identity, chunked'],
  'te chunked, identity': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: chunked, identity'],
  'te gzip, chunked': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: gzip, chunked'],
  'te chunked, chunked': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: chunked, chunked'],
  'te twice': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: chunked', 'Transfer-Encoding: x'],
  'te twice, other order': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: x', 'Transfer-Encoding: chunked'],
  'te in capitals': (n) => [`Content-Length: ${n}`, 'TRANSFER-ENCODING: CHUNKED'],
  'te folded': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding:\r\n chunked'],
  'te folded name': (n) => [`Content-Length: ${n}`, 'Transfer\r\n -Encoding: chunked'],
  'te behind a bare LF': (n) => [`Content-Length: ${n}\nTransfer-Encoding: chunked`],
  'te behind a bare CR': (n) => [`Content-Length: ${n}\rTransfer-Encoding: chunked`],
  'te behind x CR LF': (n) => [`Content-Length: ${n}`, 'X: x\rTransfer-Encoding: chunked'],
  'te with NUL': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: chunked\0'],
  'te with NUL in the name': (n) => [`Content-Length: ${n}`, 'Transfer-\0Encoding: chunked'],
  'te underscore': (n) => [`Content-Length: ${n}`, 'Transfer_Encoding: chunked'],
  'te with byte 0xff': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: chunked\xff'],
  'te with space behind': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: chunked '],
  'te leading space': (n) => [`Content-Length: ${n}`, ' Transfer-Encoding: chunked'],
  'te empty': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding:'],
  'te semicolon': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: chunked;q=1'],
  'te before cl': (n) => ['Transfer-Encoding: chunked', `Content-Length: ${n}`],
  'te nominated': (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: chunked', 'Connection: transfer-encoding'],
  'cl nominated': (n) => ['Transfer-Encoding: chunked', `Content-Length: ${n}`, 'Connection: content-length'],
  'cl twice': (n) => [`Content-Length: ${n}`, 'Content-Length: 0'],
  'cl twice, equal': (n) => [`Content-Length: ${n}`, `Content-Length: ${n}`],
  'cl list': (n) => [`Content-Length: ${n}, 0`],
  'cl list, equal': (n) => [`Content-Length: ${n}, ${n}`],
  'cl plus': (n) => [`Content-Length: +${n}`],
  'cl minus': (n) => [`Content-Length: -${n}`],
  'cl hex': (n) => [`Content-Length: 0x${n.toString(16)}`],
  'cl leading zeros': (n) => [`Content-Length: 000${n}`],
  'cl with space in it': (n) => [`Content-Length: ${String(n)[0]} ${String(n).slice(1)}`],
  'cl fraction': (n) => [`Content-Length: ${n}.0`],
  'cl exponent': () => ['Content-Length: 1e2'],
  'cl space before colon': (n) => [`Content-Length : ${n}`],
  'cl of 2^64': (n) => [`Content-Length: ${2n ** 64n + BigInt(n)}`],
  'cl empty': () => ['Content-Length:'],
  'cl absent': () => [],
  'cl underscore': (n) => [`Content_Length: ${n}`],
  'cl folded': (n) => [`Content-Length:\r\n ${n}`],
  'cl 0': () => ['Content-Length: 0'],
  plain: (n) => [`Content-Length: ${n}`],
};
// How a chunked body is written when one of its readers is to see less or more of it.
const chunks = {
  plain: (t) => `${t.length.toString(16)}\r\n${t}\r\n0\r\n\r\n`,
  'size with extension': (t) => `${t.length.toString(16)};a=b\r\n${t}\r\n0\r\n\r\n`,
  'extension with LF': (t) => `${t.length.toString(16)};a\nb\r\n${t}\r\n0\r\n\r\n`,
  'size with space': (t) => `${t.length.toString(16)} \r\n${t}\r\n0\r\n\r\n`,
  'size in hex 0x': (t) => `0x${t.length.toString(16)}\r\n${t}\r\n0\r\n\r\n`,
  'size with plus': (t) => `+${t.length.toString(16)}\r\n${t}\r\n0\r\n\r\n`,
  'size of 20 digits': (t) => `${t.length.toString(16).padStart(20, '0')}\r\n${t}\r\n0\r\n\r\n`,
  'size wraps 64 bits': (t) => `1${t.length.toString(16).padStart(16, '0')}\r\n${t}\r\n0\r\n\r\n`,
  'bare LF ends': (t) => `${t.length.toString(16)}\n${t}\n0\n\n`,
  'bare CR ends': (t) => `${t.length.toString(16)}\r${t}\r0\r\r`,
  'no CRLF behind data': (t) => `${t.length.toString(16)}\r\n${t}0\r\n\r\n`,
  'two bytes instead of CRLF': (t) => `${t.length.toString(16)}\r\n${t}XX0\r\n\r\n`,
  trailer: (t) => `${t.length.toString(16)}\r\n${t}\r\n0\r\nMcp-Name: danger\r\n\r\n`,
  'last chunk 00': (t) => `${t.length.toString(16)}\r\n${t}\r\n00\r\n\r\n`,
  'byte by byte': (t) => `${[...t].map((c) => `1\r\n${c}\r\n`).join('')}0\r\n\r\n`,
};

/** Requests in which a call of danger stands where only one of two readers looks, behind or inside a call of safe. */
export function httpCases() {
  const head = (target, what, fields, version = 'HTTP/1.1') => {
    const { pathname } = new URL(target.url);
    return [`${what} ${pathname} ${version}`, `Host: ${target.host}`, 'Content-Type: application/json', 'Accept: application/json, text/event-stream',
      `MCP-Protocol-Version: ${target.modern ? '2026-07-28' : '2025-11-25'}`, ...fields, '', ''].join('\r\n');
  };
  const names = (target, tool) => (target.modern ? ['Mcp-Method: tools/call', `Mcp-Name: ${tool}`] : []);
  const whole = (target, call, tool) => head(target, 'POST', [...names(target, tool), `Content-Length: ${Buffer.byteLength(call(tool))}`]) + call(tool);
  const post = (target, tool, fields) => head(target, 'POST', [...names(target, tool), ...fields]);
  const cases = [];
  for (const [name, of] of Object.entries(lengths)) {
    // The length covers the safe call and the request behind it; a reader of chunks sees the first alone, and the other way round.
    cases.push({ title: `${name}: danger behind the last chunk`, raw: (call, t) => { const safe = chunks.plain(call('safe')), more = whole(t, call, 'danger'); return post(t, 'safe', of(safe.length + more.length)) + safe + more; } });
    cases.push({ title: `${name}: danger behind the length`, raw: (call, t) => { const safe = call('safe'); return post(t, 'safe', of(safe.length)) + safe + whole(t, call, 'danger'); } });
    cases.push({ title: `${name}: danger inside the chunks`, raw: (call, t) => post(t, 'danger', of(4)) + chunks.plain(call('danger')) });
  }
  for (const [name, of] of Object.entries(chunks)) {
    cases.push({ title: `chunks, ${name}`, raw: (call, t) => post(t, 'danger', ['Transfer-Encoding: chunked']) + of(call('danger')) });
    cases.push({ title: `chunks, ${name}, danger behind`, raw: (call, t) => post(t, 'safe', ['Transfer-Encoding: chunked']) + of(call('safe')) + whole(t, call, 'danger') });
  }
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE', 'PUT', 'post', 'POST\t', ' POST', 'POST ', 'POST\r\nX: y\r\nPOST'])
    cases.push({ title: `method ${JSON.stringify(method)} with a body`, raw: (call, t) => head(t, method, [...names(t, 'danger'), `Content-Length: ${call('danger').length}`]) + call('danger') });
  for (const version of ['HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/1.1 ', 'HTTP/1.2', 'http/1.1', 'HTTP/01.1', ''])
    cases.push({ title: `version ${JSON.stringify(version)}`, raw: (call, t) => head(t, 'POST', [...names(t, 'danger'), `Content-Length: ${call('danger').length}`], version) + call('danger') });
  for (const before of ['\r\n', '\n', '\r\n\r\n', '\0', ' ', 'GET / HTTP/1.1\r\n', '\xff'])
    cases.push({ title: `${JSON.stringify(before)} before the request`, raw: (call, t) => before + whole(t, call, 'danger') });
  cases.push({ title: 'two requests in one piece', raw: (call, t) => whole(t, call, 'safe') + whole(t, call, 'danger') });
  cases.push({ title: 'two requests, the first refused', raw: (call, t) => whole(t, call, 'danger') + whole(t, call, 'safe') });
  cases.push({ title: '100-continue', raw: (call, t) => post(t, 'danger', ['Expect: 100-continue', `Content-Length: ${call('danger').length}`]) + call('danger') });
  cases.push({ title: 'upgrade h2c', raw: (call, t) => post(t, 'danger', ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__', `Content-Length: ${call('danger').length}`]) + call('danger') });
  cases.push({ title: 'HTTP/2 preface', raw: () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0' });
  return cases;
}
