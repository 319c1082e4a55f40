// sseclient.mjs URL - a client of the HTTP+SSE transport (2024-11-05), official SDK v1: list, an allowed call, a denied one, an unknown one.
// One line of JSON a step.
import './modules.mjs';

const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
const { SSEClientTransport } = await import('@modelcontextprotocol/sdk/client/sse.js');

const client = new Client({ name: 'sseclient', version: '1' });
const say = (step, what) => console.log(JSON.stringify({ step, ...what }));
await client.connect(new SSEClientTransport(new URL(process.argv[2])));
say('connected', {});
say('listed', { tools: (await client.listTools()).tools.map((tool) => tool.name) });
const call = async (step, name, message) => {
  try {
    const result = await client.callTool({ name, arguments: { message } }, undefined, { timeout: 5000 });
    say(step, { isError: Boolean(result.isError), text: result.content?.[0]?.text });
  } catch (error) {
    say(step, { code: error.code, text: error.message });
  }
};
await call('allowed', 'echo', 'hello');
await call('denied', 'echo', 'forbidden words');
await call('hidden', 'get-env', 'x');
await call('again', 'echo', 'still here');
await client.close();
process.exit(0);
