/**
 * The ablation: {no sign, sign} × {uniform, agq, row-log2} × {8, 6, 4 bits} of both small models, calibrated on the calibration
 * scenes and measured on the evaluation scenes.
 *
 *     npm run bench:accuracy -- [--models tiny-sam,tiny-sam-hard] [--keys none,sign] [--softmax uniform,agq,row-log2]
 *                               [--bits w8a8,w6a6,w4a4] [--json bench/results/accuracy.json] [--label name] [--print]
 *
 * A configuration takes a minute or two. Each result is kept in the JSON file as it comes, by its options and the label (default:
 * the git revision), so that the table can be made piece by piece and an interrupted run goes on. `--print` runs nothing.
 * `--keys auto --softmax auto` is what sam-qc does by default.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compile } from '../src/compile.js';
import { type Evaluation, evaluate } from '../src/evaluate.js';
import { type Bits, KEY_MODES, OBSERVERS, parseBits, SOFTMAX_MODES } from '../src/options.js';
import { withTemporaryFolder } from '../src/temporary-folder.js';
import { findModel, MODEL_NAMES, type ModelName, SHARED } from './models.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    models: { type: 'string', default: 'tiny-sam,tiny-sam-hard' },
    keys: { type: 'string', default: 'none,sign' },
    softmax: { type: 'string', default: 'uniform,agq,row-log2' },
    bits: { type: 'string', default: 'w8a8,w6a6,w4a4' },
    observer: { type: 'string' },
    json: { type: 'string', default: join(root, 'bench/results/accuracy.json') },
    label: { type: 'string' },
    print: { type: 'boolean', default: false },
    work: { type: 'string', default: join(tmpdir(), 'sam-qc-bench') },
  },
});

interface Configuration {
  readonly model: ModelName;
  readonly keys: (typeof KEY_MODES)[number];
  readonly softmax: (typeof SOFTMAX_MODES)[number];
  readonly bits: Bits;
  readonly observer: (typeof OBSERVERS)[number] | 'default';
}
interface Result extends Configuration, Evaluation {
  readonly label: string;
}

/** The parts of a list that an option gives, each one of `known`. */
function chosen<T extends string>(option: string, text: string, known: readonly T[]): T[] {
  return text.split(',').map((name) => {
    const found = known.find((candidate) => candidate === name);
    if (found === undefined) throw new Error(`--${option} ${name}: known are ${known.join(', ')}`);
    return found;
  });
}

const label =
  values.label ?? execFileSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8' }).trim();

const read = (): Result[] =>
  existsSync(values.json) ? (JSON.parse(readFileSync(values.json, 'utf8')) as Result[]) : [];

const keyOf = ({ model, keys, softmax, bits, observer }: Configuration): string =>
  [model, bits, keys, softmax, observer].join(' ');

/** Read again before every addition: pieces may run at the same time. */
function keep(result: Result): void {
  const others = read().filter((known) => known.label !== result.label || keyOf(known) !== keyOf(result));
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, `${JSON.stringify([...others, result], null, 1)}\n`);
}

async function measure({ model, keys, softmax, bits, observer }: Configuration): Promise<Evaluation> {
  const files = findModel(model, values.work);
  const scenes = join(SHARED, 'scenes/evaluation');
  return withTemporaryFolder(join(tmpdir(), 'sam-qc-accuracy-'), async (folder) => {
    const out = join(folder, 'package');
    await compile([files.encoder, files.decoder], {
      outDir: out,
      bits,
      keys,
      softmax,
      calibration: join(SHARED, 'scenes/calibration'),
      ...(observer !== 'default' && { observer }),
    });
    return evaluate(out, {
      images: scenes,
      prompts: join(scenes, 'prompts.json'),
      reference: files,
      threads: availableParallelism(),
    });
  });
}

function table(results: readonly Result[]): string {
  const lines = [
    '| model | bits | keys | softmax | mIoU | best mask | agreement with float | mIoU − float |',
    '|---|---|---|---|---|---|---|---|',
  ];
  const digits = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(4));
  const order = [...results].sort((a, b) => MODEL_NAMES.indexOf(a.model) - MODEL_NAMES.indexOf(b.model));
  for (const result of order) {
    const { model, bits, keys, softmax, observer, miou, miou_oracle, agreement, miou_reference } = result;
    const difference = miou_reference === undefined ? undefined : miou - miou_reference;
    const coding = observer === 'default' ? softmax : `${softmax}, ${observer}`;
    lines.push(
      `| ${model} | ${bits} | ${keys} | ${coding} | ${digits(miou)} | ${digits(miou_oracle)} | ${digits(agreement)} | ${digits(difference)} |`,
    );
  }
  return lines.join('\n');
}

const configurations: Configuration[] = chosen('models', values.models, MODEL_NAMES).flatMap((model) =>
  values.bits
    .split(',')
    .map(parseBits)
    .flatMap((bits) =>
      chosen('keys', values.keys, KEY_MODES).flatMap((keys) =>
        chosen('softmax', values.softmax, SOFTMAX_MODES).map((softmax) => ({
          model,
          bits,
          keys,
          softmax,
          observer:
            values.observer === undefined ? 'default' : (chosen('observer', values.observer, OBSERVERS)[0] ?? 'mse'),
        })),
      ),
    ),
);
const known = (configuration: Configuration): Result | undefined =>
  read().find((result) => result.label === label && keyOf(result) === keyOf(configuration));

if (!values.print)
  for (const [i, configuration] of configurations.entries()) {
    if (known(configuration)) continue;
    const start = performance.now();
    const evaluation = await measure(configuration);
    keep({ label, ...configuration, ...evaluation });
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.error(
      `${i + 1}/${configurations.length} ${keyOf(configuration)}: mIoU ${evaluation.miou.toFixed(4)}, agreement ${evaluation.agreement?.toFixed(4)} (${seconds} s)`,
    );
  }
console.log(`${label}\n\n${table(configurations.flatMap((configuration) => known(configuration) ?? []))}`);
