// check.cjs KIND TOP < LINES - every line against a schema: records, ocsf, ecs, otel.  TOP: of the tree.  Prints what is wrong, and how many lines there were.
// records, ocsf, otel: ajv.  ecs: every leaf must be a field of @elastic/ecs, of its type and allowed values.  Below "unmapped" anything may stand.
const fs = require('fs');
const Ajv = require('ajv/dist/2020');
const [kind, top] = process.argv.slice(2);
const files = {records: 'tools/schema/audit.schema.json', ocsf: 'tests/data/schema/ocsf.schema.json', otel: 'tests/data/schema/otlp-logs.schema.json'};
let bad = 0;
const wrong = (n, what) => { if (++bad <= 20) console.log(`line ${n}: ${what}`); };

function withAjv() {
	const ajv = new Ajv({strict: false, allErrors: false, validateFormats: false});
	const valid = ajv.compile(JSON.parse(fs.readFileSync(`${top}/${files[kind]}`)));
	return (n, o) => { if (!valid(o)) wrong(n, valid.errors.map(e => `${e.instancePath} ${e.message} ${e.params.unevaluatedProperty || e.params.additionalProperty || ''}`).join(', ').slice(0, 300) + ' in ' + JSON.stringify(o).slice(0, 400)); };
}

const isIp = s => require('net').isIP(s) !== 0;
const types = {
	keyword: v => typeof v === 'string', wildcard: v => typeof v === 'string', match_only_text: v => typeof v === 'string', text: v => typeof v === 'string',
	constant_keyword: v => typeof v === 'string', long: v => Number.isInteger(v), ip: v => typeof v === 'string' && isIp(v),
	date: v => typeof v === 'string' && !Number.isNaN(Date.parse(v)), float: v => typeof v === 'number', scaled_float: v => typeof v === 'number', boolean: v => typeof v === 'boolean',
};
function withEcs() {
	const {EcsFlat} = require('@elastic/ecs');
	const leaf = (n, path, v) => {
		const f = EcsFlat[path];
		if (!f) return wrong(n, `${path} is no field of ECS`);
		const list = f.normalize.includes('array');
		if (list !== Array.isArray(v)) return wrong(n, `${path}: ${list ? 'a list is wanted' : 'a list'}`);
		for (const x of list ? v : [v]) {
			if (!types[f.type] || !types[f.type](x)) wrong(n, `${path}: ${JSON.stringify(x)} is no ${f.type}`);
			if (f.allowed_values && !f.allowed_values.some(a => a.name === x)) wrong(n, `${path}: ${x} is not allowed`);
		}
	};
	const walk = (n, path, o) => {
		for (const [k, v] of Object.entries(o)) {
			const p = path ? `${path}.${k}` : k;
			if (p === 'unmapped') continue;
			if (v !== null && typeof v === 'object' && !Array.isArray(v)) walk(n, p, v); else leaf(n, p, v);
		}
	};
	const needed = Object.values(EcsFlat).filter(f => f.required).map(f => f.flat_name);
	return (n, o) => {
		walk(n, '', o);
		for (const f of needed) if (f.split('.').reduce((a, k) => a && a[k], o) === undefined) wrong(n, `${f} is missing`);
	};
}

// Attributes that the conventions for generative AI and MCP name, which the package does not hold yet.
const later = new Set(['mcp.method.name', 'mcp.session.id', 'mcp.protocol.version', 'jsonrpc.request.id', 'rpc.response.status_code']);
function withOtel() {
	const known = new Set(Object.values(require('@opentelemetry/semantic-conventions/incubating')).filter(v => typeof v === 'string'));
	const shape = withAjv();
	return (n, o) => {
		shape(n, o);
		for (const r of o.resourceLogs) for (const a of [...r.resource.attributes, ...r.scopeLogs.flatMap(s => s.logRecords.flatMap(l => l.attributes))])
			if (!a.key.startsWith('callgate.') && !known.has(a.key) && !later.has(a.key)) wrong(n, `${a.key} is no attribute that there is`);
	};
}

const check = kind === 'ecs' ? withEcs() : kind === 'otel' ? withOtel() : withAjv();
let n = 0;
for (const line of fs.readFileSync(0, 'utf8').split('\n')) {
	if (!line) continue;
	n++;
	let o;
	try { o = JSON.parse(line); } catch (e) { wrong(n, `is not JSON: ${e.message}`); continue; }
	check(n, o);
}
console.log(`${n} lines, ${bad} wrong`);
process.exit(bad || !n ? 1 : 0);
