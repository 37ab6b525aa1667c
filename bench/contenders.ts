import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { compile } from '../src/compile.js';
import { buildPackage, openPackage } from '../src/compiled-package.js';
import type { Bits } from '../src/options.js';
import { findPictures, linkPictures, type ModelFiles, type ModelName } from './models.js';
import { type Range, rewriteDynamic, rewriteStatic, rewriteToObserve } from './quantize-onnx.js';

/** Files of a model's inputs, by the names of the inputs. */
export type Feeds = ReadonlyMap<string, string>;

/** What one process that ran a model some times says. */
export interface RunReport {
  readonly ms: readonly number[];
  /** Processor time of all threads: other work on the machine disturbs it less. */
  readonly cpu_ms: readonly number[];
  readonly peak_rss_bytes: number;
}

interface PeerReport extends RunReport {
  readonly outputs: readonly string[];
}

/** Something that runs a model. */
export interface Contender {
  readonly name: string;
  /** Runs the model in a process of its own; where `out` is given, its outputs lie there as .npy. */
  readonly run: (feeds: Feeds, options: { readonly repeat: number; readonly out?: string }) => Promise<RunReport>;
}

const here = fileURLToPath(new URL('.', import.meta.url));
export type Role = keyof ModelFiles;

/** onnxruntime on an ONNX file. */
export function onnxruntime(name: string, file: string, threads: number): Contender {
  return {
    name,
    run: async (feeds, { repeat, out }) => {
      const inputs = [...feeds].flatMap(([input, path]) => ['--in', `${input}=${path}`]);
      const args = [file, ...inputs, '--repeat', String(repeat), '--threads', String(threads)];
      if (out !== undefined) args.push('--out', out);
      const { stdout } = await execa(process.execPath, ['--import', 'tsx', join(here, 'peer.ts'), ...args], {
        cwd: join(here, '..'),
        stdin: 'ignore',
      });
      const report = JSON.parse(stdout.slice(stdout.lastIndexOf('\n{') + 1)) as PeerReport;
      // By name, as ours lie.
      if (out !== undefined)
        for (const [i, output] of report.outputs.entries())
          if (/^\w+$/.test(output)) renameSync(join(out, `${i}.npy`), join(out, `${output}.npy`));
      return report;
    },
  };
}

/** A compiled package. */
export function compiled(name: string, folder: string, role: Role, threads: number): Contender {
  return {
    name,
    run: async (feeds, { repeat, out }) => {
      const model = (await openPackage(folder)).manifest.models.find((candidate) => candidate.name.endsWith(role));
      if (model === undefined) throw new Error(`${folder}: no ${role}`);
      const inputs = [...feeds].flatMap(([input, path]) => ['--in', `${input}=${path}`]);
      const args = [model.name, ...inputs, '--repeat', String(repeat + 1), '--threads', String(threads)];
      if (out !== undefined) args.push('--out', out);
      const { stdout } = await execa(join(folder, 'build/run'), args, { stdin: 'ignore' });
      const report = JSON.parse(stdout) as RunReport;
      // The first run maps the weights, as the peers' first run does.
      return { ...report, ms: report.ms.slice(1), cpu_ms: report.cpu_ms.slice(1) };
    },
  };
}

/** Compiles and builds a model, once for each folder of work. */
export async function packageOf(model: ModelName, files: ModelFiles, bits: Bits, work: string): Promise<string> {
  const folder = join(work, 'packages', `${model}-${bits}`);
  if (!existsSync(join(folder, 'manifest.json'))) {
    console.error(`compiling ${model} ${bits}`);
    const pictures = findPictures(16);
    const calibration = linkPictures(pictures, join(work, `calibration-${pictures.length}`));
    mkdirSync(join(work, 'packages'), { recursive: true });
    let last = '';
    await compile([files.encoder, files.decoder], {
      outDir: folder,
      bits,
      calibration,
      onProgress: (label) => {
        if (label !== last) console.error(`  ${label}`);
        last = label;
      },
    });
  }
  await buildPackage(await openPackage(folder));
  return folder;
}

/**
 * onnxruntime's forms of a model, those whose names hold `part`; the ranges of the static one are observed on `feeds`.
 *
 * @param readScalar reads an .npy of one element
 */
export async function peersOf(
  file: string,
  feeds: Feeds,
  { folder, threads, part }: { readonly folder: string; readonly threads: number; readonly part: string },
  readScalar: (path: string) => Promise<number>,
): Promise<readonly Contender[]> {
  const dynamicForm = async (): Promise<string> => {
    const target = join(folder, 'dynamic.onnx');
    rewriteDynamic(file, target);
    return target;
  };
  const staticForm = async (): Promise<string> => {
    const target = join(folder, 'static.onnx');
    if (!existsSync(target)) rewriteStatic(file, target, await observeRanges(file, feeds, folder, readScalar));
    return target;
  };
  const forms: readonly (readonly [string, () => Promise<string>])[] = [
    ['onnxruntime float', async () => file],
    ['onnxruntime int8 dynamic', dynamicForm],
    ['onnxruntime int8 static QDQ', staticForm],
  ];
  const contenders: Contender[] = [];
  for (const [name, form] of forms) if (name.includes(part)) contenders.push(onnxruntime(name, await form(), threads));
  return contenders;
}

/** The least and the largest element of each tensor that the static form quantizes. */
async function observeRanges(
  file: string,
  feeds: Feeds,
  folder: string,
  readScalar: (path: string) => Promise<number>,
): Promise<ReadonlyMap<string, Range>> {
  const observing = join(folder, 'observe.onnx');
  const out = join(folder, 'observed');
  rewriteToObserve(file, observing);
  const { outputs } = (await onnxruntime('observe', observing, 1).run(feeds, { repeat: 0, out })) as PeerReport;
  const ranges = new Map<string, Range>();
  for (const [i, name] of outputs.entries()) {
    const tensor = /^min:(.*)$/s.exec(name)?.[1];
    const most = outputs.indexOf(`max:${tensor}`);
    if (tensor === undefined || most < 0) continue;
    const [min, max] = [await readScalar(join(out, `${i}.npy`)), await readScalar(join(out, `${most}.npy`))];
    ranges.set(tensor, { min, max });
  }
  rmSync(observing);
  rmSync(`${observing}.data`);
  return ranges;
}
