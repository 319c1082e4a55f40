// confserver.mjs [PORT=3007 [ADDRESS]] - the tools, resources and prompts that the conformance suite asks of a server, on the official SDK v2.
//
// One endpoint, both eras: a request of the initialize era gets a session of its own transport, one of 2026-07-28 is served
// statelessly.  With CERT and KEY, files, it speaks TLS.  What each tool does is the suite's own description of it; nothing here is particular to Callgate.
import './modules.mjs';
import { createServer } from 'node:http';
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';

const { McpServer, ResourceTemplate, createMcpHandler, createRequestStateCodec, acceptedContent, inputRequired, completable, fromJsonSchema, isLegacyRequest } =
  await import('@modelcontextprotocol/server');
const { NodeStreamableHTTPServerTransport, toNodeHandler, toWebRequest, hostHeaderValidation, originValidation } = await import('@modelcontextprotocol/node');
const z = await import('zod');

const port = Number(process.argv[2] ?? 3007), address = process.argv[3] ?? '127.0.0.1';
const names = (process.env.HOSTS ?? 'localhost,127.0.0.1').split(',');
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
const WAV = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=';
const text = (t) => ({ content: [{ type: 'text', text: t }] });
const state = createRequestStateCodec({ key: randomBytes(32), ttlSeconds: 600 });

const elicit = (message, properties, required = Object.keys(properties)) =>
  inputRequired.elicit({ message, requestedSchema: { type: 'object', properties, required } });
const ask = {
  name: () => elicit('What is your name?', { name: { type: 'string' } }),
  greeting: (maxTokens, t) => inputRequired.createMessage({ messages: [{ role: 'user', content: { type: 'text', text: t } }], maxTokens }),
};

function simpleTools(server) {
  server.registerTool('test_simple_text', { description: 'Text' }, async () => text('This is a simple text response for testing.'));
  server.registerTool('test_image_content', { description: 'An image' }, async () => ({ content: [{ type: 'image', data: PNG, mimeType: 'image/png' }] }));
  server.registerTool('test_audio_content', { description: 'A sound' }, async () => ({ content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }] }));
  server.registerTool('test_embedded_resource', { description: 'A resource' }, async () => ({
    content: [{ type: 'resource', resource: { uri: 'test://embedded-resource', mimeType: 'text/plain', text: 'This is an embedded resource content.' } }],
  }));
  server.registerTool('test_multiple_content_types', { description: 'All of them' }, async () => ({
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      { type: 'image', data: PNG, mimeType: 'image/png' },
      { type: 'resource', resource: { uri: 'test://mixed-content-resource', mimeType: 'application/json', text: JSON.stringify({ test: 'data', value: 123 }) } },
    ],
  }));
  server.registerTool('test_error_handling', { description: 'Fails' }, async () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  server.registerTool('json_schema_2020_12_tool', {
    description: 'Keywords of JSON Schema 2020-12',
    inputSchema: fromJsonSchema({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } } },
      properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' }, contactMethod: { type: 'string', enum: ['phone', 'email'] }, phone: { type: 'string' }, email: { type: 'string' } },
      allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
      if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
      then: { required: ['phone'] },
      else: { required: ['email'] },
      additionalProperties: false,
    }),
  }, async () => text('ok'));
  server.registerTool('test_custom_headers', {
    description: 'Arguments that headers repeat',
    inputSchema: fromJsonSchema({
      type: 'object',
      properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, priority: { type: 'integer', 'x-mcp-header': 'Priority' }, verbose: { type: 'boolean', 'x-mcp-header': 'Verbose' }, query: { type: 'string' } },
    }),
  }, async (args) => text(JSON.stringify(args)));
}

function slowTools(server) {
  server.registerTool('test_tool_with_logging', { description: 'Logs' }, async (ctx) => {
    for (const line of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await ctx.mcpReq.log('info', line);
      await sleep(50);
    }
    return text('done');
  });
  server.registerTool('test_tool_with_progress', { description: 'Tells its progress' }, async (ctx) => {
    const token = ctx.mcpReq._meta?.progressToken;
    for (const progress of [0, 50, 100]) {
      if (token !== undefined) await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken: token, progress, total: 100 } });
      await sleep(50);
    }
    return text('done');
  });
  server.registerTool('test_reconnection', { description: 'Closes its stream, then answers' }, async (ctx) => {
    ctx.http?.closeSSE?.();
    await sleep(100);
    return text('The stream was closed and taken up again.');
  });
}

function askingTools(server) {
  const about = (result) => text(`Elicitation completed: action=${result.action}, content=${JSON.stringify(result.content ?? {})}`);
  const form = (message, properties, required) => ({ mode: 'form', message, requestedSchema: { type: 'object', properties, ...(required ? { required } : {}) } });
  server.registerTool('test_sampling', { description: 'Asks the model', inputSchema: z.object({ prompt: z.string() }) }, async ({ prompt }, ctx) => {
    const r = await ctx.mcpReq.requestSampling({ messages: [{ role: 'user', content: { type: 'text', text: prompt } }], maxTokens: 100 });
    return text(`LLM response: ${r.content.text ?? JSON.stringify(r.content)}`);
  });
  server.registerTool('test_elicitation', { description: 'Asks the person', inputSchema: z.object({ message: z.string() }) }, async ({ message }, ctx) => {
    const r = await ctx.mcpReq.elicitInput(form(message, { username: { type: 'string', description: "User's response" }, email: { type: 'string', description: "User's email address" } }, ['username', 'email']));
    return text(`User response: ${JSON.stringify({ action: r.action, content: r.content })}`);
  });
  server.registerTool('test_elicitation_sep1034_defaults', { description: 'Asks with defaults' }, async (ctx) =>
    about(await ctx.mcpReq.elicitInput(form('Defaults', {
      name: { type: 'string', default: 'John Doe' },
      age: { type: 'integer', default: 30 },
      score: { type: 'number', default: 95.5 },
      status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
      verified: { type: 'boolean', default: true },
    }))));
  const titled = (prefix, first) => [1, 2, 3].map((n) => ({ const: `value${n}`, title: `${['First', 'Second', 'Third'][n - 1]} ${first}` }));
  server.registerTool('test_elicitation_sep1330_enums', { description: 'Asks with choices' }, async (ctx) =>
    about(await ctx.mcpReq.elicitInput(form('Choices', {
      untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
      titledSingle: { type: 'string', oneOf: titled('value', 'Option') },
      legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
      untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
      titledMulti: { type: 'array', items: { anyOf: titled('value', 'Choice') } },
    }))));
}

// SEP-2322: what the tool needs is asked for in its result, and the call is made again.
function inputTools(server) {
  server.registerTool('test_input_required_result_elicitation', { description: 'Needs a name' }, async (ctx) => {
    const content = acceptedContent(ctx.mcpReq.inputResponses, 'user_name', z.object({ name: z.string() }));
    return content ? text(`Hello, ${content.name}!`) : inputRequired({ inputRequests: { user_name: ask.name() } });
  });
  server.registerTool('test_input_required_result_sampling', { description: 'Needs the model' }, async (ctx) => {
    const r = ctx.mcpReq.inputResponses?.capital_question;
    return r ? text(`The model said: ${r.content?.text ?? ''}`) : inputRequired({ inputRequests: { capital_question: ask.greeting(100, 'What is the capital of France?') } });
  });
  server.registerTool('test_input_required_result_list_roots', { description: 'Needs the roots' }, async (ctx) => {
    const r = ctx.mcpReq.inputResponses?.client_roots;
    return r ? text(`Roots: ${(r.roots ?? []).map((root) => root.uri).join(' ')}`) : inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
  });
  const confirm = () => elicit('Please confirm', { ok: { type: 'boolean' } });
  for (const name of ['test_input_required_result_request_state', 'test_input_required_result_tampered_state'])
    server.registerTool(name, { description: 'Keeps its state with the client' }, async (ctx) => {
      const kept = ctx.mcpReq.requestState();
      if (kept && ctx.mcpReq.inputResponses?.confirm) return text('state-ok');
      return inputRequired({ inputRequests: { confirm: confirm() }, requestState: await state.mint({ round: 1 }) });
    });
  server.registerTool('test_input_required_result_multiple_inputs', { description: 'Needs three things' }, async (ctx) => {
    const r = ctx.mcpReq.inputResponses ?? {};
    if (r.user_name && r.greeting && r.client_roots && ctx.mcpReq.requestState()) return text('all three came');
    return inputRequired({
      inputRequests: { user_name: ask.name(), greeting: ask.greeting(50, 'Generate a greeting'), client_roots: inputRequired.listRoots() },
      requestState: await state.mint({ round: 1 }),
    });
  });
  server.registerTool('test_input_required_result_multi_round', { description: 'Needs two rounds' }, async (ctx) => {
    const round = ctx.mcpReq.requestState()?.round ?? 0;
    if (round === 2 && ctx.mcpReq.inputResponses?.step2) return text('both rounds are done');
    if (round === 1 && ctx.mcpReq.inputResponses?.step1)
      return inputRequired({ inputRequests: { step2: elicit('Step 2: What is your favorite color?', { color: { type: 'string' } }) }, requestState: await state.mint({ round: 2 }) });
    return inputRequired({ inputRequests: { step1: elicit('Step 1: What is your name?', { name: { type: 'string' } }) }, requestState: await state.mint({ round: 1 }) });
  });
  server.registerTool('test_input_required_result_capabilities', { description: 'Asks only what the client can answer' }, async (ctx) => {
    const can = ctx.mcpReq.envelope?.['io.modelcontextprotocol/clientCapabilities'] ?? {};
    if (ctx.mcpReq.inputResponses && Object.keys(ctx.mcpReq.inputResponses).length) return text('answered');
    const inputRequests = {};
    if (can.elicitation) inputRequests.user_name = ask.name();
    if (can.sampling) inputRequests.greeting = ask.greeting(50, 'Generate a greeting');
    if (can.roots) inputRequests.client_roots = inputRequired.listRoots();
    return Object.keys(inputRequests).length ? inputRequired({ inputRequests }) : text('nothing can be asked');
  });
}

// What the suite needs to look at the stateless era itself.
function modernTools(server, changed) {
  server.registerTool('test_missing_capability', { description: 'Needs sampling' }, async (ctx) => {
    const r = ctx.mcpReq.inputResponses?.greeting;
    return r ? text('answered') : inputRequired({ inputRequests: { greeting: ask.greeting(50, 'Generate a greeting') } });
  });
  server.registerTool('test_streaming_elicitation', { description: 'Asks in its result' }, async (ctx) => {
    const content = acceptedContent(ctx.mcpReq.inputResponses, 'user_name', z.object({ name: z.string() }));
    return content ? text(content.name) : inputRequired({ inputRequests: { user_name: ask.name() } });
  });
  server.registerTool('test_logging_tool', { description: 'Logs if that was asked for' }, async (ctx) => {
    await ctx.mcpReq.log('info', 'a line');
    return text('logged');
  });
  for (const what of ['tool', 'prompt'])
    server.registerTool(`test_trigger_${what}_change`, { description: `Says that the ${what}s changed` }, async () => {
      changed(what);
      return text('said');
    });
}

function promptsAndResources(server) {
  const user = (content) => ({ role: 'user', content });
  const say = (t) => user({ type: 'text', text: t });
  server.registerPrompt('test_simple_prompt', { description: 'Without arguments' }, async () => ({ messages: [say('This is a simple prompt for testing.')] }));
  const cities = completable(z.string().describe('First test argument'), (value) => ['paris', 'park', 'party'].filter((city) => city.startsWith(value)));
  server.registerPrompt('test_prompt_with_arguments', { description: 'Two arguments', argsSchema: z.object({ arg1: cities, arg2: z.string().describe('Second test argument') }) },
    async ({ arg1, arg2 }) => ({ messages: [say(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)] }));
  server.registerPrompt('test_prompt_with_embedded_resource', { description: 'A resource inside', argsSchema: z.object({ resourceUri: z.string() }) }, async ({ resourceUri }) => ({
    messages: [user({ type: 'resource', resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' } }), say('Please process the embedded resource above.')],
  }));
  server.registerPrompt('test_prompt_with_image', { description: 'An image inside' }, async () => ({ messages: [user({ type: 'image', data: PNG, mimeType: 'image/png' }), say('Please analyze the image above.')] }));
  server.registerPrompt('test_input_required_result_prompt', { description: 'Needs a context' }, async (ctx) => {
    const content = acceptedContent(ctx.mcpReq.inputResponses, 'user_context', z.object({ context: z.string() }));
    return content ? { messages: [say(`In the context of ${content.context}`)] } : inputRequired({ inputRequests: { user_context: elicit('What context should the prompt use?', { context: { type: 'string' } }) } });
  });
  const resource = (name, uri, mimeType, body) => server.registerResource(name, uri, { description: name, mimeType }, async () => ({ contents: [{ uri, mimeType, ...body }] }));
  resource('static-text', 'test://static-text', 'text/plain', { text: 'This is the content of the static text resource.' });
  resource('static-binary', 'test://static-binary', 'image/png', { blob: PNG });
  resource('watched', 'test://watched-resource', 'text/plain', { text: 'watched' });
  server.registerResource('template', new ResourceTemplate('test://template/{id}/data', { list: undefined }), { description: 'By id', mimeType: 'application/json' }, async (uri, { id }) => ({
    contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }],
  }));
}

function makeServer(era) {
  const server = new McpServer(
    { name: 'confserver', version: '1' },
    {
      capabilities: { logging: {}, completions: {}, tools: { listChanged: true }, prompts: { listChanged: true }, resources: { subscribe: true, listChanged: true } },
      requestState: { verify: state.verify },
    },
  );
  simpleTools(server);
  slowTools(server);
  if (era === 'legacy') {
    askingTools(server);
    const none = async () => ({});
    server.server.setRequestHandler('resources/subscribe', none);
    server.server.setRequestHandler('resources/unsubscribe', none);
  } else {
    inputTools(server);
    modernTools(server, (what) => (what === 'tool' ? handler.notify.toolsChanged() : handler.notify.promptsChanged()));
  }
  promptsAndResources(server);
  return server;
}

// Events are kept, so that a stream that was closed can be taken up again.
class Events {
  #all = [];
  async storeEvent(stream, message) { this.#all.push({ stream, message }); return `${stream}_${this.#all.length}`; }
  async getStreamIdForEventId(id) { return id.slice(0, id.lastIndexOf('_')); }
  async replayEventsAfter(last, { send }) {
    const at = Number(last.slice(last.lastIndexOf('_') + 1)), stream = last.slice(0, last.lastIndexOf('_'));
    for (let i = at; i < this.#all.length; i++)
      if (this.#all[i].stream === stream && Object.keys(this.#all[i].message).length) await send(`${stream}_${i + 1}`, this.#all[i].message);
    return stream;
  }
}

const sessions = new Map();
async function legacy(request, response, body) {
  const known = sessions.get(request.headers['mcp-session-id']);
  if (known) return known.handleRequest(request, response, body);
  if (request.headers['mcp-session-id']) {
    response.writeHead(404, { 'content-type': 'application/json' });
    return response.end('{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}');
  }
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: new Events(),
    retryInterval: 500,
    onsessioninitialized: (id) => sessions.set(id, transport),
    onsessionclosed: (id) => sessions.delete(id),
  });
  await makeServer('legacy').connect(transport);
  return transport.handleRequest(request, response, body);
}

const handler = createMcpHandler(() => makeServer('modern'), { legacy: 'reject' });
const modern = toNodeHandler(handler);
const hostOk = hostHeaderValidation(names), originOk = originValidation(names);

const tls = process.env.CERT ? { cert: readFileSync(process.env.CERT), key: readFileSync(process.env.KEY) } : null;
const listen = tls ? (handler) => createTlsServer(tls, handler) : createServer;
const http = listen(async (request, response) => {
  try {
    if (!hostOk(request, response) || !originOk(request, response)) return;
    let body;
    if (request.method === 'POST') {
      const parts = [];
      for await (const part of request) parts.push(part);
      try {
        body = JSON.parse(Buffer.concat(parts));
      } catch {
        response.writeHead(400, { 'content-type': 'application/json' });
        return response.end('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}');
      }
    }
    if (await isLegacyRequest(await toWebRequest(request, body), body)) return await legacy(request, response, body);
    return await modern(request, response, body);
  } catch (error) {
    console.error(error);
    if (!response.headersSent) response.writeHead(500);
    response.end();
  }
});
http.keepAliveTimeout = 60_000;
http.listen(port, address, () => console.log(`confserver ${tls ? 'https' : 'http'}://${address}:${http.address().port}/mcp`));
