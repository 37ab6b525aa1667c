/**
 * Compiles every member of the family and prints a table: what inspect finds, agreement with onnxruntime in float, signal
 * to noise at w8a8, processor time of ours and of onnxruntime on one thread.
 *
 *     npm run bench:family -- [--members part-of-a-name] [--size full|tiny] [--repeat 3] [--label name]
 *                             [--json bench/results/family.json] [--work folder] [--search] [--keep]
 *
 * Each row is kept in the JSON file as it comes: with the same label (default: the git revision) an interrupted run goes
 * on where it stopped. Exit status 1 where a member fails, or misses the bounds that the project sets itself.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/user-error.js';
import { otherChoicesInWords } from './compare-outputs.js';
import { type FamilyRow, measureMember } from './measure.js';
import { familyMembers, type Size } from './members.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values } = parseArgs({
  options: {
    members: { type: 'string', default: '' },
    size: { type: 'string', default: 'full' },
    repeat: { type: 'string', default: '3' },
    label: { type: 'string' },
    json: { type: 'string', default: join(root, 'bench/results/family.json') },
    work: { type: 'string', default: join(tmpdir(), 'sam-qc-family') },
    /** Search key transforms and codings of probabilities as compile does by default; else uniform codes, keys as they are. */
    search: { type: 'boolean', default: false },
    /** Models and packages stay in the folder of work. */
    keep: { type: 'boolean', default: false },
  },
});

/** max |x − y| / max |y| of float builds against onnxruntime. */
const F32_BOUND = 1e-4;

interface Results {
  readonly label: string;
  readonly rows: FamilyRow[];
}

const label =
  values.label ?? execFileSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8' }).trim();
const known = existsSync(values.json) ? (JSON.parse(readFileSync(values.json, 'utf8')) as Results) : undefined;
const results: Results = known?.label === label ? known : { label, rows: [] };

/** What a row misses, if anything. */
function shortfall(row: FamilyRow): readonly string[] {
  const { expected, found, loose, integer } = row.attentions;
  return [
    ...row.unsupported.map((operator) => `${operator} is not supported`),
    ...(found === expected && loose === 0 && integer === expected
      ? []
      : ['an attention was not found, or stays in float']),
    ...(row.f32_error <= F32_BOUND ? [] : [`float differs by ${row.f32_error.toExponential(1)}`]),
  ];
}

const digits = (ms: number): string => (ms < 100 ? ms.toPrecision(2) : String(Math.round(ms)));

function table(rows: readonly FamilyRow[]): string {
  const head = [
    'model',
    'opset',
    'nodes',
    'weights',
    'attentions',
    'float error',
    'w8a8 SQNR, dB',
    'ms f32 / w8a8 / onnxruntime',
    'smaller in',
  ];
  const lines = rows.map(({ name, opset, nodes, megabytes, attentions, f32_error, ms, reduced, ...row }) => [
    name,
    opset,
    nodes,
    `${megabytes.toFixed(1)} MB`,
    `${attentions.found} of ${attentions.expected}, ${attentions.integer} integer`,
    f32_error.toExponential(1),
    Object.entries(row.sqnr_db)
      .map(([output, db]) => `${output} ${db >= 999 ? 'exact' : db.toFixed(1)}`)
      .join(', ') + otherChoicesInWords(row.other_choices, row.prompts),
    `${digits(ms.f32)} / ${digits(ms.w8a8)} / ${digits(ms.onnxruntime)}`,
    reduced,
  ]);
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

for (const member of familyMembers(values.size as Size)) {
  if (!member.name.includes(values.members) || results.rows.some(({ name }) => name === member.name)) continue;
  console.error(member.name);
  const folder = join(values.work, `${values.size}-${member.name.replace(/\W+/g, '-')}`);
  try {
    results.rows.push(await measureMember(member, folder, { repeat: Number(values.repeat), search: values.search }));
    mkdirSync(dirname(values.json), { recursive: true });
    writeFileSync(values.json, `${JSON.stringify(results, null, 1)}\n`);
    if (!values.keep) rmSync(folder, { recursive: true });
  } catch (error) {
    console.error(`  failed: ${messageOf(error)}`);
    process.exitCode = 1;
  }
}
console.log(table(results.rows));
for (const row of results.rows)
  for (const missed of shortfall(row)) {
    console.error(`${row.name}: ${missed}`);
    process.exitCode = 1;
  }
