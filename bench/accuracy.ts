/**
 * The accuracy of both small models, calibrated on the calibration scenes and measured on the evaluation scenes: {min-max, percentile,
 * MSE, PTQ4SAM as published, each pass of ours added to the one before, all} × {8, 6, 4 bits}.
 *
 *     npm run bench:accuracy -- [--jobs N] [--models tiny-sam,tiny-sam-hard] [--bits w8a8,w6a6,w4a4] [--rows <part of a name>,...]
 *                               [--subsets] [--json bench/results/accuracy.json] [--label name] [--print]
 *
 * `--jobs`: cells at the same time, each a process of one thread that takes a minute or so (default: one a processor).
 * `--subsets`: each cell five times more, every time without another fifth of the calibration pictures, for the spread.
 * Each result is kept in the JSON file as it comes, under the label (default: the git revision): an interrupted run goes on where it
 * was, and the table can be made piece by piece. `--print` runs nothing.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { type Bits, parseBits } from '../src/options.js';
import { type Cell, type Figures, SUBSETS } from './accuracy-cell.js';
import { ROWS } from './accuracy-rows.js';
import { findModel, MODEL_NAMES, type ModelName } from './models.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: String(availableParallelism()) },
    models: { type: 'string', default: 'tiny-sam,tiny-sam-hard' },
    bits: { type: 'string', default: 'w8a8,w6a6,w4a4' },
    rows: { type: 'string', default: '' },
    subsets: { type: 'boolean', default: false },
    json: { type: 'string', default: join(root, 'bench/results/accuracy.json') },
    label: { type: 'string' },
    print: { type: 'boolean', default: false },
    work: { type: 'string', default: join(tmpdir(), 'sam-qc-bench') },
  },
});

interface Result extends Cell, Figures {
  readonly label: string;
}

const describeRevision = (): string =>
  execFileSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8' }).trim();
const label = values.label ?? describeRevision();

const results: Result[] = existsSync(values.json) ? (JSON.parse(readFileSync(values.json, 'utf8')) as Result[]) : [];

/** A new file takes the old one's place: whenever this is interrupted there is a whole one. */
function keep(result: Result): void {
  results.push(result);
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(`${values.json}.new`, `${JSON.stringify(results, null, 1)}\n`);
  renameSync(`${values.json}.new`, values.json);
}

const resultOf = ({ model, bits, row, subset }: Cell): Result | undefined =>
  results.find(
    (known) =>
      known.label === label &&
      known.model === model &&
      known.bits === bits &&
      known.row === row &&
      known.subset === subset,
  );

const models: readonly ModelName[] = values.models.split(',').map((name) => {
  const model = MODEL_NAMES.find((known) => known === name);
  if (model === undefined) throw new Error(`--models ${name}: known are ${MODEL_NAMES.join(', ')}`);
  return model;
});
const widths: readonly Bits[] = values.bits.split(',').map(parseBits);
const parts = values.rows.split(',');
const rows = ROWS.filter(({ name }) => parts.some((part) => name.includes(part)));

/** The whole table comes before the subsets. */
const subsets = [undefined, ...(values.subsets ? Array.from({ length: SUBSETS }, (_, i) => i) : [])];
const cells: readonly Cell[] = subsets.flatMap((subset) =>
  [...widths]
    .reverse()
    .flatMap((bits) =>
      models.flatMap((model) =>
        rows
          .filter(({ at8Bits }) => bits !== 'w8a8' || at8Bits)
          .map(({ name }): Cell => ({ model, bits, row: name, ...(subset !== undefined && { subset }) })),
      ),
    ),
);

async function measure(cell: Cell): Promise<void> {
  const start = performance.now();
  const script = fileURLToPath(new URL('accuracy-cell.ts', import.meta.url));
  const args = ['--import', 'tsx', script, JSON.stringify(cell), values.work];
  // One thread a process: the cells are what runs side by side.
  const { stdout } = await execa(process.execPath, args, {
    cwd: root,
    stderr: 'pipe',
    env: { UV_THREADPOOL_SIZE: '2' },
  });
  const figures = JSON.parse(stdout) as Figures;
  keep({ label, ...cell, ...figures });
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  const name = `${cell.model} ${cell.bits} ${cell.row}${cell.subset === undefined ? '' : ` without part ${cell.subset + 1}`}`;
  console.error(`${name}: mIoU ${figures.miou.toFixed(4)}, best mask ${figures.miou_oracle.toFixed(4)} (${seconds} s)`);
}

async function measureAll(jobs: number): Promise<void> {
  const queue = cells.filter((cell) => resultOf(cell) === undefined);
  console.error(`${queue.length} of ${cells.length} cells to measure, ${jobs} at a time`);
  const failed: string[] = [];
  const worker = async (): Promise<void> => {
    for (let cell = queue.shift(); cell !== undefined; cell = queue.shift())
      await measure(cell).catch((error: unknown) => {
        failed.push(`${JSON.stringify(cell)}: ${error instanceof Error ? error.message : String(error)}`);
      });
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  if (failed.length === 0) return;
  console.error(`\n${failed.length} cells failed:\n${failed.join('\n')}`);
  process.exitCode = 1;
}

type Measure = 'miou' | 'miou_oracle' | 'agreement' | 'sqnr_db';

/** A figure over the subsets; undefined where they were not all measured. */
function overSubsets(cell: Cell, figure: Measure): readonly number[] | undefined {
  const found = Array.from({ length: SUBSETS }, (_, subset) => resultOf({ ...cell, subset })?.[figure]);
  const known = found.filter((value) => value !== undefined);
  return known.length === SUBSETS ? known : undefined;
}

const halfRange = (numbers: readonly number[]): number => (Math.max(...numbers) - Math.min(...numbers)) / 2;
const meanOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length;

function spreadOf(cell: Cell, figure: Measure): number | undefined {
  const known = overSubsets(cell, figure);
  return known && halfRange(known);
}

function figureText(cell: Cell, figure: Measure, digits: number): string {
  const value = resultOf(cell)?.[figure];
  if (value === undefined) return '';
  const spread = spreadOf(cell, figure);
  return `${value.toFixed(digits)}${spread === undefined ? '' : ` ± ${spread.toFixed(digits)}`}`;
}

function table(): string {
  const titles = widths.flatMap((bits) =>
    ['mIoU', 'best mask', 'agreement', 'dB'].map((figure) => `${bits} ${figure}`),
  );
  const lines = models.flatMap((model) => {
    const float = results.find((result) => result.label === label && result.model === model);
    const body = rows.map(({ name, at8Bits }) => {
      const figures = widths.flatMap((bits) => {
        const cell = { model, bits, row: name };
        if (bits === 'w8a8' && !at8Bits) return ['', '', '', ''];
        return [
          figureText(cell, 'miou', 4),
          figureText(cell, 'miou_oracle', 4),
          figureText(cell, 'agreement', 3),
          figureText(cell, 'sqnr_db', 1),
        ];
      });
      return `| ${name} | ${figures.join(' | ')} |`;
    });
    const head = `\n${model}${float ? `, float ${float.miou_reference?.toFixed(4)} / ${float.miou_oracle_reference?.toFixed(4)}` : ''}:\n`;
    return [head, `| | ${titles.join(' | ')} |`, `|${'---|'.repeat(titles.length + 1)}`, ...body];
  });
  return lines.join('\n');
}

/**
 * What each pass gives: the mean over the subsets of what a row has more than the row before it, and the spread of that row, half
 * of its range over them. A pass helps where it gives more than the spread.
 */
function gains(): string {
  const measures = [
    ['miou', 'mIoU', 4],
    ['miou_oracle', 'best mask', 4],
    ['agreement', 'agreement', 3],
    ['sqnr_db', 'dB', 1],
  ] as const;
  const first = rows.findIndex(({ name }) => name.startsWith('+'));
  return models
    .flatMap((model) => {
      const lines = widths.flatMap((bits) =>
        rows.slice(Math.max(1, first)).flatMap(({ name }, i) => {
          const before = rows[Math.max(1, first) + i - 1]!.name;
          const cells = measures.map(([figure, , digits]) => {
            const [was, is] = [before, name].map((row) => overSubsets({ model, bits, row }, figure));
            if (was === undefined || is === undefined) return undefined;
            const gain = meanOf(is) - meanOf(was);
            const mark = gain > halfRange(is) ? ' *' : '';
            return `${gain >= 0 ? '+' : '−'}${Math.abs(gain).toFixed(digits)} (${halfRange(is).toFixed(digits)})${mark}`;
          });
          return cells.includes(undefined) ? [] : [`| ${bits} ${name} | ${cells.join(' | ')} |`];
        }),
      );
      const head = `| ${model} | ${measures.map(([, title]) => title).join(' | ')} |\n|${'---|'.repeat(measures.length + 1)}`;
      return lines.length > 0 ? [`\n${head}\n${lines.join('\n')}`] : [];
    })
    .join('\n');
}

if (!values.print) {
  // Once, and not by several processes at the same time.
  for (const model of models) findModel(model, values.work);
  await measureAll(Math.max(1, Number(values.jobs)));
}
console.log(`${label}\n${table()}`);
if (values.subsets)
  console.log(
    `\n±: half of the range over ${SUBSETS} subsets of the calibration pictures, each without a fifth.\n\nWhat each pass gives, mean over the subsets (spread):\n${gains()}`,
  );
