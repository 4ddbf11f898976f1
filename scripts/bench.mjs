// `npm run bench`: sets up, runs every benchmark, prints a table of each and keeps it in `.argosy/bench/NAME.json`.
// `npm run bench -- NAME…` runs only those. A benchmark is a module in test/src/benchmarks that exports `run()`; one that
// exports `datastores` as well runs on those that `--datastore NAME` names, once or several times.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = join(root, 'test/src/benchmarks');
const results = join(root, '.argosy/bench');

/** The names of the benchmarks there are. */
function benchmarks() {
  return readdirSync(sources)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .filter((file) => /^export (async )?function run\b/m.test(readFileSync(join(sources, file), 'utf8')))
    .map((file) => file.replace(/\.ts$/, ''))
    .sort();
}

/** A measure of several rounds as `median (least–most)`. */
function show(cell) {
  return typeof cell === 'object' ? `${cell.median} (${cell.least}–${cell.most})` : String(cell);
}

function table(rows) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [
    columns.map((name) => name.replaceAll('_', ' ')),
    ...rows.map((row) => columns.map((name) => show(row[name] ?? ''))),
  ];
  const widths = columns.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const text = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
  return [text[0], widths.map((width) => '─'.repeat(width)).join('  '), ...text.slice(1)].join('\n');
}

async function runBenchmark(name, wanted) {
  const { run, datastores = [] } = await import(pathToFileURL(join(root, `test/dist/benchmarks/${name}.js`)));
  const foreign = wanted?.find((datastore) => !datastores.includes(datastore));
  if (foreign !== undefined) {
    console.error(`${name} takes no datastore ${foreign}. It takes: ${datastores.join(', ') || 'none'}.`);
    return false;
  }
  const startedAt = Date.now();
  const result = await run(wanted);
  const seconds = (Date.now() - startedAt) / 1000;
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, `${name}.json`), `${JSON.stringify({ ...result, seconds }, undefined, 2)}\n`);
  console.log(`\n${name} (${seconds.toFixed(1)} s)\n${table(result.rows)}`);
  for (const failure of result.failures ?? []) console.log(`✘ ${failure}`);
  return (result.failures ?? []).length === 0;
}

/** What was asked for. @throws TypeError that names an option that there is not */
function readArguments() {
  const options = { datastore: { type: 'string', multiple: true } };
  const { positionals, values } = parseArgs({ options, allowPositionals: true });
  return { wanted: positionals, datastores: values.datastore };
}

async function main() {
  const known = benchmarks();
  const { wanted, datastores } = readArguments();
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`There is no benchmark ${unknown.join(', ')}. There are: ${known.join(', ')}.`);
    process.exitCode = 2;
    return;
  }

  const { setup } = await import('./setup.mjs');
  await setup({ quiet: true });
  for (const name of wanted.length > 0 ? wanted : known) {
    if (!(await runBenchmark(name, datastores))) process.exitCode = 1;
  }
}

await main().catch((error) => {
  const isWrongUse = error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION';
  console.error(isWrongUse ? error.message : error);
  process.exitCode = isWrongUse ? 2 : 1;
});
