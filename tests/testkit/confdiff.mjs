// confdiff.mjs DIRECT THROUGH - compare what two runs of the conformance suite left: the same checks, with the same outcome?
//
// A run is a directory of SCENARIO-TIME directories with a checks.json each.  A check is its id, its name, its status and its place among those of the same
// id; texts and details hold times, ports and ids of their own and are shown, not compared.  Last line: N checks compared, N differences.
import { readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

function load(dir) {
  const scenarios = new Map();
  for (const file of readdirSync(dir, { recursive: true }).sort()) {
    if (basename(file) !== 'checks.json') continue;
    const entry = dirname(file), checks = JSON.parse(readFileSync(join(dir, file), 'utf8'));
    const name = entry.replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    // INFO entries log single messages, whose order between streams is free.
    scenarios.set(name, checks.filter((check) => check.status !== 'INFO'));
  }
  return scenarios;
}

const [direct, through] = process.argv.slice(2, 4).map(load);
let compared = 0, different = 0;
const key = (check) => `${check.id} ${check.name}`;
const say = (scenario, what, check) => {
  different++;
  console.log(`${scenario}: ${what}${check?.errorMessage ? ` (${check.errorMessage.slice(0, 300)})` : ''}`);
};
for (const name of new Set([...direct.keys(), ...through.keys()])) {
  const a = direct.get(name), b = through.get(name);
  if (!a || !b) {
    say(name, a ? 'ran only direct' : 'ran only through the gate');
    continue;
  }
  const rest = [...b];
  for (const check of a) {
    compared++;
    const at = rest.findIndex((other) => key(other) === key(check));
    const other = at < 0 ? undefined : rest.splice(at, 1)[0];
    if (!other) say(name, `${key(check)}: ${check.status} direct, absent through the gate`);
    else if (other.status !== check.status) say(name, `${key(check)}: ${check.status} direct, ${other.status} through the gate`, other);
  }
  for (const check of rest) say(name, `${key(check)}: absent direct, ${check.status} through the gate`, check);
}
console.log(`${compared} checks compared, ${different} differences`);
process.exit(compared && !different ? 0 : 1);
