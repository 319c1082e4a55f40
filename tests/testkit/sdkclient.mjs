// sdkclient.mjs v1|v2|v2auto URL - what an ordinary program does with the official SDK: connect with a key from its
// configuration, list, call, be refused, follow a stream.  Prints one JSON line a step.
import './modules.mjs';

const [which, address] = process.argv.slice(2);
if (!['v1', 'v2', 'v2auto'].includes(which) || !address) {
  console.error('usage: sdkclient.mjs v1|v2|v2auto URL');
  process.exit(2);
}
const options = { requestInit: { headers: { Authorization: `Bearer ${process.env.PLACEHOLDER ?? 'placeholder'}` } } };
const sdk = which === 'v1'
  ? { ...(await import('@modelcontextprotocol/sdk/client/index.js')), ...(await import('@modelcontextprotocol/sdk/client/streamableHttp.js')) }
  : await import('@modelcontextprotocol/client');
const client = new sdk.Client({ name: 'sdkclient', version: '1' }, which === 'v2auto' ? { versionNegotiation: { mode: 'auto' } } : {});
const transport = new sdk.StreamableHTTPClientTransport(new URL(address), options);
const print = (step, value) => console.log(JSON.stringify({ step, ...value }));
const limit = { timeout: 15000 };
const call = (name, args, more = {}) => {
  const request = { name, arguments: args };
  const opts = { ...limit, ...more };
  return which === 'v1' ? client.callTool(request, undefined, opts) : client.callTool(request, opts);
};
const attempt = async (step, name, args, more) => {
  try {
    const result = await call(name, args, more);
    print(step, { isError: Boolean(result.isError), text: result.content?.[0]?.text });
  } catch (error) {
    print(step, { thrown: error.constructor.name, code: error.code, text: error.message });
  }
};

await client.connect(transport);
print('connected', { server: client.getServerVersion()?.name });
print('list', { tools: (await client.listTools()).tools.map((tool) => tool.name) });
await attempt('allowed', process.env.ALLOWED ?? 'echo', { message: 'hello' });
await attempt('denied', process.env.DENIED ?? 'echo', JSON.parse(process.env.DENIED_ARGS ?? '{"message":"forbidden words"}'));
if (process.env.HELD) await attempt('held', 'echo', { message: process.env.HELD });
let steps = 0;
await attempt('streamed', 'trigger-long-running-operation', { duration: 0.3, steps: 3 }, { onprogress: () => { steps += 1; } });
print('progress', { steps });
await client.close();
process.exit(0);
