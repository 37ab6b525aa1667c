/**
 * Compiles the encoder of a full-size model and compares it with onnxruntime: time and memory of each phase, of the
 * compiler and the programs that it starts together; agreement of the float package; signal to noise of the quantized one.
 *
 *     npx tsx bench/full-size.ts [--model vit-b|vit-h] [--bits f32,w8a8] [--pictures 4] [--steps compile,compare]
 *                                [--shards 8] [--threads 2] [--work folder]
 *
 * The comparison runs packages that are compiled and onnxruntime on the model cut into `--shards` pieces, one process after the
 * other, since a whole one of this size needs more memory than the compiler. Results are lines of JSON.
 */
import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compile } from '../src/compile.js';
import { buildPackage, openPackage } from '../src/compiled-package.js';
import { readNpy } from '../src/npy.js';
import { type Bits, parseBits } from '../src/options.js';
import { compiled, type Feeds, onnxruntime } from './contenders.js';
import { encoderFeeds, signalToNoise } from './feeds.js';
import { measureProcess, type PhaseUse, type ProcessUse } from './measure-process.js';
import { FULL_SIZE_NAMES, findPictures, fullSizeFolder, linkPictures } from './models.js';
import { cutModel } from './onnx-shards.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'vit-b' },
    bits: { type: 'string', default: 'f32,w8a8' },
    pictures: { type: 'string', default: '4' },
    steps: { type: 'string', default: 'compile,compare' },
    shards: { type: 'string', default: '8' },
    threads: { type: 'string', default: '2' },
    work: { type: 'string', default: join(tmpdir(), 'sam-qc-bench') },
    /** Set by this program when it starts itself as the process that is measured. */
    measured: { type: 'boolean', default: false },
  },
});

const model = FULL_SIZE_NAMES.find((name) => name === values.model);
if (model === undefined) throw new Error(`--model ${values.model}: one of ${FULL_SIZE_NAMES.join(', ')}`);
const widths = values.bits.split(',').map(parseBits);
const threads = Number(values.threads);
const encoder = join(fullSizeFolder(model, values.work), 'encoder.onnx');
const folder = join(values.work, `full-size-${model}`);
const packageOf = (bits: Bits): string => join(folder, bits);
const say = (result: Readonly<Record<string, unknown>>): void => console.log(JSON.stringify({ model, ...result }));
const megabytes = (bytes: number): number => Math.round(bytes / 1e6);

/** In the process that is measured: compiles, and names each step as it begins. */
async function compileNow(bits: Bits): Promise<void> {
  const pictures = findPictures(Number(values.pictures));
  const calibration = linkPictures(pictures, join(values.work, `calibration-${pictures.length}`));
  let last = '';
  console.log('phase reading the model');
  await compile([encoder], {
    outDir: packageOf(bits),
    bits,
    calibration,
    js: false,
    onProgress: (label) => {
      if (label !== last) console.log(`phase ${label.replace(/^.*: /, '')}`);
      last = label;
    },
  });
}

const describePhase = ({ name, wallSeconds, cpuSeconds, peakRssBytes }: PhaseUse) => ({
  phase: name,
  wall_minutes: Number((wallSeconds / 60).toFixed(2)),
  cpu_minutes: Number((cpuSeconds / 60).toFixed(2)),
  peak_rss_mb: megabytes(peakRssBytes),
});

async function measureCompile(bits: Bits): Promise<void> {
  const args = [fileURLToPath(import.meta.url), ...process.argv.slice(2), '--bits', bits, '--measured'];
  const use: ProcessUse = await measureProcess(process.execPath, [...process.execArgv, ...args], (line) => {
    console.error(`${new Date().toTimeString().slice(0, 8)} ${line}`);
    return /^phase (.*)/.exec(line)?.[1];
  });
  for (const phase of use.phases) say({ bits, ...describePhase(phase) });
  const whole = { name: 'all', ...use };
  const byProgram = Object.entries(use.peakRssByProgram).map(([name, bytes]) => [name, megabytes(bytes)] as const);
  const pictures = bits === 'f32' ? undefined : Number(values.pictures);
  say({ bits, pictures, ...describePhase(whole), peak_rss_mb_by_program: Object.fromEntries(byProgram) });
}

/** The outputs of the float model by onnxruntime in `out`, from the pieces of the model one after the other. */
async function runShards(feeds: Feeds, out: string): Promise<void> {
  let [input] = feeds.values();
  for (const [i, shard] of cutModel(encoder, Number(values.shards)).entries()) {
    const last = join(folder, `shard-${i}`);
    mkdirSync(last, { recursive: true });
    const run = onnxruntime('float', shard.file, threads).run(new Map([[shard.input, input!]]), {
      repeat: 0,
      out: last,
    });
    const { peak_rss_bytes } = await run;
    const [file] = readdirSync(last);
    input = join(last, file!);
    console.error(`onnxruntime on ${shard.file}: ${megabytes(peak_rss_bytes)} MB`);
    if (/^\w+$/.test(shard.output)) {
      mkdirSync(out, { recursive: true });
      renameSync(input, join(out, `${shard.output}.npy`));
    }
  }
}

/** Largest difference of the one output in `found` to that in `reference`, over the largest magnitude of that. */
async function relativeError(reference: string, found: string): Promise<number> {
  const [name] = readdirSync(reference);
  const [expected, other] = [await readNpy(join(reference, name!)), await readNpy(join(found, name!))];
  let [largest, difference] = [0, 0];
  for (const [i, value] of (expected.data as Float32Array).entries()) {
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(Number(other.data[i]) - value));
  }
  return difference / largest;
}

async function comparePackages(): Promise<void> {
  const [picture] = findPictures(1);
  const feeds = await encoderFeeds(encoder, picture!, folder);
  const outputs = (name: string): string => join(folder, `outputs-${name}`);
  const reference = outputs('onnxruntime');
  if (!existsSync(reference)) await runShards(feeds, reference);
  for (const bits of widths) {
    await buildPackage(await openPackage(packageOf(bits)));
    const ours = compiled(bits, packageOf(bits), 'encoder', threads);
    const { peak_rss_bytes } = await ours.run(feeds, { repeat: 0, out: outputs(bits) });
    const [sqnr] = Object.values(await signalToNoise(reference, outputs(bits)));
    say({
      bits,
      compared_with: 'onnxruntime float',
      picture,
      relative_error: await relativeError(reference, outputs(bits)),
      sqnr_db: sqnr,
      run_peak_rss_mb: megabytes(peak_rss_bytes),
    });
  }
}
mkdirSync(folder, { recursive: true });
if (values.measured) await compileNow(widths[0]!);
else {
  const steps = values.steps.split(',');
  if (steps.includes('compile')) for (const bits of widths) await measureCompile(bits);
  if (steps.includes('compare')) await comparePackages();
}
