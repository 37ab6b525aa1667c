/**
 * Runs ours and onnxruntime-node alternately on the same inputs, and prints medians, ratios and peak memory.
 *
 *     npm run bench -- [--models small,vit-b] [--bits f32,w8a8] [--parts encoder,low-res,resized] [--threads 1] [--scaling]
 *                      [--repeat 5] [--json bench/results/run.json] [--label name] [--work folder]
 *
 * Every run is a process of its own, one at a time. Each result is kept in the JSON file as it comes: with the same label
 * (default: the git revision) an interrupted benchmark goes on where it stopped. Ratios are of processor time, which other
 * work on the machine disturbs less than wall time; with several threads, of the least wall time. `--scaling` adds ours
 * with two threads.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseBits } from '../src/options.js';
import { type Contender, compiled, type Feeds, packageOf, peersOf, type Role, type RunReport } from './contenders.js';
import { decoderFeeds, encoderFeeds, readScalar, signalToNoise } from './feeds.js';
import { findModel, findPictures, MODEL_NAMES } from './models.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    models: { type: 'string', default: 'small,vit-b' },
    bits: { type: 'string', default: 'f32,w8a8' },
    parts: { type: 'string', default: 'encoder,low-res,resized' },
    threads: { type: 'string', default: '1' },
    scaling: { type: 'boolean', default: false },
    repeat: { type: 'string', default: '5' },
    json: { type: 'string', default: join(root, 'bench/results/run.json') },
    label: { type: 'string' },
    work: { type: 'string', default: join(tmpdir(), 'sam-qc-bench') },
    /** Of onnxruntime's forms, those whose names hold this. */
    peers: { type: 'string', default: '' },
  },
});

interface Row extends RunReport {
  readonly model: string;
  readonly part: string;
  readonly contender: string;
  readonly round: number;
  /** Signal to noise against onnxruntime's float outputs, in decibels, by output. */
  readonly sqnr_db?: Readonly<Record<string, number>>;
}
interface Results {
  readonly label: string;
  readonly peak: Record<string, number>;
  readonly rows: Row[];
}

const revision = (): string => {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
};
const label = values.label ?? revision();
const results: Results = ((): Results => {
  const empty: Results = { label, peak: {}, rows: [] };
  if (!existsSync(values.json)) return empty;
  const known = JSON.parse(readFileSync(values.json, 'utf8')) as Results;
  return known.label === label ? known : empty;
})();
const save = (): void => {
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, `${JSON.stringify(results, null, 1)}\n`);
};

/** Multiply-adds of ViT-B's encoder at 1024×1024, in thousand millions. */
const VIT_B_GMAC = 486;

const median = (numbers: readonly number[]): number => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

/** Multiply-adds a second of one core in registers: the most of all measurements under this label. */
function measurePeak(): void {
  const binary = join(values.work, 'peak');
  const cpu = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  const avx512 = ['avx512f', 'avx512bw', 'avx512vl', 'avx512vnni'];
  const names = cpu.includes('avx512_vnni') ? avx512 : cpu.includes('avx2') ? ['avx2', 'fma'] : [];
  if (names.length === 0) return;
  const flags = names.map((name) => `-m${name}`);
  mkdirSync(values.work, { recursive: true });
  execFileSync('cc', ['-std=c11', '-O2', ...flags, join(root, 'bench/kernels/peak.c'), '-o', binary]);
  for (const line of execFileSync(binary, { encoding: 'utf8' }).trim().split('\n')) {
    const { loop, gmac_s } = JSON.parse(line) as { readonly loop: string; readonly gmac_s: number };
    results.peak[loop] = Math.max(results.peak[loop] ?? 0, gmac_s);
  }
  save();
}

/** Runs the contenders in turn, round after round. `reference` is the folder of onnxruntime's float outputs. */
async function alternate(
  model: string,
  part: string,
  contenders: readonly Contender[],
  feeds: Feeds,
  folder: string,
): Promise<void> {
  // Short runs many at a time: the start of a process and cold caches are not what is measured.
  const inner = model === 'vit-b' && part === 'encoder' ? 1 : 20;
  for (let round = 0; round < Number(values.repeat); round++)
    for (const { name, run } of contenders) {
      const done = (row: Row): boolean =>
        row.model === model && row.part === part && row.contender === name && row.round === round;
      if (results.rows.some(done)) continue;
      const out = join(folder, `${part}-${name.replaceAll(' ', '-')}`);
      const report = await run(feeds, { repeat: inner, ...(round === 0 && { out }) });
      const reference = join(folder, `${part}-onnxruntime-float`);
      const sqnr = round === 0 && existsSync(reference) ? await signalToNoise(reference, out) : undefined;
      const { ms, cpu_ms, peak_rss_bytes } = report;
      const row = { model, part, contender: name, round, ms, cpu_ms, peak_rss_bytes, ...(sqnr && { sqnr_db: sqnr }) };
      results.rows.push(row);
      save();
      console.error(
        `${model} ${part} ${name} round ${round}: ${median(ms).toFixed(1)} ms, processor ${median(cpu_ms).toFixed(1)} ms`,
      );
    }
}

async function benchmark(model: (typeof MODEL_NAMES)[number]): Promise<void> {
  const files = findModel(model, values.work);
  const folder = join(values.work, 'runs', model);
  const threads = Number(values.threads);
  const [picture] = findPictures(1) as [string];
  const image = await encoderFeeds(files.encoder, picture, folder);
  const packages = new Map<string, string>();
  for (const bits of values.bits.split(',').map(parseBits))
    packages.set(bits, await packageOf(model, files, bits, values.work));
  const ours = (role: Role): Contender[] =>
    [...packages].flatMap(([bits, at]) => [
      compiled(`ours ${bits}`, at, role, threads),
      ...(values.scaling ? [compiled(`ours ${bits}, 2 threads`, at, role, 2)] : []),
    ]);
  for (const part of values.parts.split(',')) {
    const role: Role = part === 'encoder' ? 'encoder' : 'decoder';
    const feeds = role === 'encoder' ? image : await decoderFeeds(files, image, picture, part, folder);
    const peers = await peersOf(
      files[role],
      feeds,
      { folder: join(folder, role), threads, part: values.peers },
      readScalar,
    );
    await alternate(model, part, [...peers, ...ours(role)], feeds, folder);
  }
}

function table(): string {
  const lines = [
    '| model | part | run by | ms, median (least) | processor ms, median (least) | peak MB | SQNR dB | slower than ours w8a8 |',
    '|---|---|---|---|---|---|---|---|',
  ];
  const groups = new Map<string, Row[]>();
  for (const row of results.rows) {
    const key = [row.model, row.part, row.contender].join('|');
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const timesOf = (rows: readonly Row[], of: 'ms' | 'cpu_ms'): number[] => rows.flatMap((row) => row[of]);
  const oneThread = Number(values.threads) === 1;
  const costOf = (rows: readonly Row[]): number =>
    oneThread ? median(timesOf(rows, 'cpu_ms')) : Math.min(...timesOf(rows, 'ms'));
  for (const [key, rows] of groups) {
    const [model, part, contender] = key.split('|') as [string, string, string];
    const own = groups.get([model, part, 'ours w8a8'].join('|'));
    const pair = (of: 'ms' | 'cpu_ms'): string =>
      `${median(timesOf(rows, of)).toFixed(1)} (${Math.min(...timesOf(rows, of)).toFixed(1)})`;
    const peak = Math.max(...rows.map(({ peak_rss_bytes }) => peak_rss_bytes)) / 1e6;
    const sqnr = rows.find(({ sqnr_db }) => sqnr_db)?.sqnr_db;
    const quality = sqnr
      ? Object.values(sqnr)
          .map((decibels) => decibels.toFixed(1))
          .join(', ')
      : '';
    const threaded = contender.includes('threads');
    const ratio = own === undefined || threaded ? '' : (costOf(rows) / costOf(own)).toFixed(2);
    lines.push(
      `| ${model} | ${part} | ${contender} | ${pair('ms')} | ${pair('cpu_ms')} | ${peak.toFixed(0)} | ${quality} | ${ratio} |`,
    );
    if (threaded) {
      const single = groups.get([model, part, contender.replace(/, 2 threads$/, '')].join('|')) ?? [];
      const scaling = Math.min(...timesOf(single, 'ms')) / Math.min(...timesOf(rows, 'ms'));
      lines.push(`| | | two threads over one, least of each | ${scaling.toFixed(2)}× | | | | |`);
    }
    const integer = results.peak.vpdpbusd ?? results.peak.vpmaddwd;
    if (model === 'vit-b' && part === 'encoder' && contender === 'ours w8a8' && integer !== undefined) {
      const floor = (1000 * VIT_B_GMAC) / integer;
      lines.push(
        `| | | over the floor, ${VIT_B_GMAC} GMAC at ${integer.toFixed(0)} GMAC/s = ${floor.toFixed(0)} ms | | ${(costOf(rows) / floor).toFixed(2)}× | | | |`,
      );
    }
  }
  return lines.join('\n');
}

measurePeak();
for (const name of values.models.split(',')) {
  const model = MODEL_NAMES.find((known) => known === name);
  if (model === undefined) throw new Error(`model ${name}: known are ${MODEL_NAMES.join(', ')}`);
  await benchmark(model);
}
measurePeak();
console.log(`${label}; peaks of one core: ${JSON.stringify(results.peak)} GMAC/s\n\n${table()}`);
