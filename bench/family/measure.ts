import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from '../../src/compile.js';
import { buildPackage, openPackage } from '../../src/compiled-package.js';
import { inspect } from '../../src/inspect.js';
import type { Tensor } from '../../src/ir/types.js';
import { readNpy, writeNpy, writeNpz } from '../../src/npy.js';
import { npyOf, tensorOf } from '../../src/npy-tensor.js';
import type { Bits } from '../../src/options.js';
import type { Report } from '../../src/report.js';
import { type Contender, compiled, onnxruntime } from '../contenders.js';
import { type Comparison, compareOutputs, type OtherChoice, type Outputs } from './compare-outputs.js';
import type { Feeds } from './feeds.js';
import { writeGraph } from './graph.js';
import type { Member } from './members.js';

/** What the table says of a member. */
export interface FamilyRow {
  readonly name: string;
  readonly opset: number;
  readonly reduced: string;
  /** Megabytes of weights, and nodes, of the ONNX file. */
  readonly megabytes: number;
  readonly nodes: number;
  readonly unsupported: readonly string[];
  /** Found, of those that the architecture has; and those computed on integers at w8a8. */
  readonly attentions: {
    readonly expected: number;
    readonly found: number;
    readonly loose: number;
    readonly integer: number;
  };
  /** max |ours − onnxruntime's| / max |onnxruntime's|, of the worst output. */
  readonly f32_error: number;
  /** At w8a8, against onnxruntime's float outputs; 999 where there is no noise. */
  readonly sqnr_db: Readonly<Record<string, number>>;
  /** Of the prompts measured: how many there were, and where w8a8 chose another mask than onnxruntime's float. */
  readonly prompts: number;
  readonly other_choices: readonly OtherChoice[];
  /** Medians of processor time. */
  readonly ms: { readonly f32: number; readonly w8a8: number; readonly onnxruntime: number };
}

/** Of prompts as many as calibration on pictures gives each picture: two leave out what a box or a mask does to the ranges. */
const CALIBRATION_SEEDS: Readonly<Record<Member['role'], readonly number[]>> = {
  encoder: [1, 2],
  decoder: [1, 2, 3, 4, 5, 10, 11, 12],
};
/**
 * Inputs that are measured, not among those that calibrate. Several prompts: an output may be a single number, of which one
 * prompt says nothing. The first one is timed.
 */
const MEASURED_SEEDS: Readonly<Record<Member['role'], readonly number[]>> = { encoder: [6], decoder: [6, 7, 8, 9] };

/** JSON has no infinity. */
const EXACT = 999;

const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;

export interface MeasureOptions {
  readonly repeat: number;
  /** Search key transforms and codings of probabilities, as compile does by default: most of the time it takes. */
  readonly search?: boolean;
}

/** Seeded weights have nothing to find in their keys, and uniform codes need no trial. */
const WITHOUT_SEARCH = { keys: 'none', softmax: 'uniform' } as const;

/** Builds a member in `folder`, compiles it as float and at w8a8, and runs both and onnxruntime in turn. */
export async function measureMember(
  member: Member,
  folder: string,
  { repeat, search = false }: MeasureOptions,
): Promise<FamilyRow> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'model.onnx');
  if (!existsSync(file)) writeGraph(file, member.opset, member.build);
  const dims = member.dims ?? {};
  const inspection = await inspect(file, { dims });
  if (inspection.problem !== undefined) throw new Error(inspection.problem);

  const calibration = join(folder, 'calibration');
  mkdirSync(calibration, { recursive: true });
  for (const seed of CALIBRATION_SEEDS[member.role]) {
    const arrays = [...member.feeds(seed)].map(([name, tensor]) => [name, npyOf(tensor)] as const);
    await writeNpz(join(calibration, `${seed}.npz`), new Map(arrays));
  }
  const seeds = MEASURED_SEEDS[member.role];
  const inputs = new Map<number, ReadonlyMap<string, string>>();
  for (const seed of seeds)
    inputs.set(seed, await writeFeeds(member.feeds(seed), join(folder, 'inputs', String(seed))));
  const build = async (bits: Bits): Promise<Contender> => {
    const outDir = join(folder, bits);
    const packaged = existsSync(join(outDir, 'manifest.json'));
    if (!packaged) {
      const choices = search ? {} : WITHOUT_SEARCH;
      await compile([file], { outDir, bits, calibration, dims, name: member.role, js: false, ...choices });
    }
    await buildPackage(await openPackage(outDir));
    return compiled(bits, outDir, member.role, 1);
  };
  const contenders = [await build('f32'), await build('w8a8'), onnxruntime('onnxruntime', file, 1)];
  const candidates = member.candidates && onnxruntime('candidates', join(folder, 'candidates.onnx'), 1);
  if (member.candidates) writeGraph(join(folder, 'candidates.onnx'), member.opset, member.candidates);

  const outputs = (name: string, seed: number): string => join(folder, 'outputs', name, String(seed));
  for (const { name, run } of [...contenders, ...(candidates ? [candidates] : [])])
    for (const seed of seeds) {
      mkdirSync(outputs(name, seed), { recursive: true });
      await run(inputs.get(seed)!, { repeat: 0, out: outputs(name, seed) });
    }
  const times = new Map<string, number[]>();
  for (let round = 0; round < repeat; round++)
    for (const { name, run } of contenders) {
      const report = await run(inputs.get(seeds[0]!)!, { repeat: 3 });
      times.set(name, [...(times.get(name) ?? []), median(report.cpu_ms)]);
    }
  const ms = (name: string): number => median(times.get(name)!);
  const compared = async (name: string, choices: Contender | undefined): Promise<Comparison> =>
    compareOutputs(
      await Promise.all(
        seeds.map(async (seed) => ({
          expected: await readOutputs(outputs('onnxruntime', seed)),
          found: await readOutputs(outputs(name, seed)),
          ...(choices && { candidates: await readOutputs(outputs(choices.name, seed)) }),
        })),
      ),
    );
  // In float another choice is an error as any other.
  const float = await compared('f32', undefined);
  const integer = await compared('w8a8', candidates);
  const weights = `${file}.data`;
  return {
    name: member.name,
    opset: member.opset,
    reduced: member.reduced ?? '',
    megabytes: statSync(weights).size / 1e6,
    nodes: Object.values(inspection.operators).reduce((a, b) => a + b, 0),
    unsupported: inspection.unsupported.map(({ operator }) => operator),
    attentions: {
      expected: member.attentions,
      found: inspection.attentions.length,
      loose: inspection.loose_softmaxes.length,
      integer: integerAttentions(join(folder, 'w8a8')),
    },
    f32_error: Math.max(...[...float.outputs.values()].map(({ relative }) => relative)),
    sqnr_db: Object.fromEntries(
      [...integer.outputs].map(([output, { decibels }]) => [output, Math.min(decibels, EXACT)]),
    ),
    prompts: seeds.length,
    other_choices: integer.otherChoices,
    ms: { f32: ms('f32'), w8a8: ms('w8a8'), onnxruntime: ms('onnxruntime') },
  };
}

/** Attentions that the package's report gives a coding of probabilities: the others stayed in float. */
function integerAttentions(folder: string): number {
  const { attentions } = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as Pick<Report, 'attentions'>;
  return attentions.filter(({ softmax }) => softmax !== undefined).length;
}

async function writeFeeds(feeds: Feeds, folder: string): Promise<ReadonlyMap<string, string>> {
  mkdirSync(folder, { recursive: true });
  const paths = new Map<string, string>();
  for (const [name, tensor] of feeds) {
    const path = join(folder, `${name}.npy`);
    await writeNpy(path, npyOf(tensor));
    paths.set(name, path);
  }
  return paths;
}

/** A folder of outputs, one .npy each. */
async function readOutputs(folder: string): Promise<Outputs> {
  const outputs = new Map<string, Tensor>();
  for (const file of readdirSync(folder))
    outputs.set(file.replace('.npy', ''), tensorOf(await readNpy(join(folder, file))));
  return outputs;
}
