// queries.cjs QUERIES.md STORE OUT - run every ```sql block of the page against STORE; the rows of the block "-- NAME" go to OUT/NAME.tsv.
const fs = require("fs");
const path = require("path");
const { DuckDBInstance } = require("@duckdb/node-api");

const [page, store, out] = process.argv.slice(2);
const cell = (v) => (v === null ? "" : String(v)).replace(/[\t\n]/g, " ");

async function main() {
	const text = fs.readFileSync(page, "utf8").replaceAll("/var/lib/callgate-collector/store", store.replaceAll("'", "''"));
	const blocks = [...text.matchAll(/```sql\n-- ([a-z-]+)\n([^]*?)```/g)];
	const all = text.match(/```sql/g) || [];
	if (blocks.length !== all.length) throw new Error(`${all.length} blocks of SQL, ${blocks.length} with a name`);
	const db = await (await DuckDBInstance.create(":memory:", { threads: "2" })).connect();
	for (const [, name, sql] of blocks) {
		const r = await db.runAndReadAll(sql);
		if (name === "tables") continue;
		fs.writeFileSync(path.join(out, `${name}.tsv`), r.getRowsJson().map((row) => row.map(cell).join("\t") + "\n").join(""));
		console.log(`${name}\t${r.currentRowCount}\t${r.columnNames().join(",")}`);
	}
}
main().catch((e) => { console.error(String(e)); process.exit(1); });
