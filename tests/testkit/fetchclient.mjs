// fetchclient.mjs URL - fetch alone, as each runtime has it: Node, Bun, Deno.  One word a step that went as it should.
const url = process.argv[2];
const post = async (method, params) => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${process.env.PLACEHOLDER}` },
    body: JSON.stringify({ jsonrpc: '2.0', id: 7, method, params }),
  });
  return response.text();
};
const call = (name, args) => post('tools/call', { name, arguments: args });
const step = (name, good) => good && console.log(name);
const list = await post('tools/list', {});
step('list', list.includes('"echo"') && !list.includes('"fail"'));
step('allowed', (await call('echo', { message: 'hello' })).includes('hello'));
step('denied', (await call('echo', { path: '/etc/shadow' })).includes('System files are off limits.'));
step('streamed', ((await call('stream', {})).match(/data:/g) ?? []).length > 1);
await new Promise((resolve) => setTimeout(resolve, 3000)); // the server is begun again meanwhile
step('reconnect', (await call('echo', { message: 'again' })).includes('again'));
process.exit(0);
