import { type Command, Option } from 'commander';
import { compile } from '../compile.js';
import { bytesText, type Io, json, withProgress } from '../io.js';
import type { Bounds } from '../ir/scalar.js';
import { readNpy } from '../npy.js';
import { tensorOf } from '../npy-tensor.js';
import {
  CLIP_MODES,
  type CompileOptions,
  KEY_MODES,
  OBSERVERS,
  OFFSET_MODES,
  parseBits,
  ROUNDING_MODES,
  SCALE_MODES,
  SOFTMAX_MODES,
  STEP_MODES,
  TARGET_CHOICES,
  VALUE_MODES,
} from '../options.js';
import type { BitChoiceReport } from '../report.js';
import { collect, collectBindings, parseBytes, parseDim, parseDrop } from './parse.js';

interface Options
  extends Pick<
    CompileOptions,
    | 'target'
    | 'keys'
    | 'values'
    | 'scales'
    | 'offsets'
    | 'clip'
    | 'rounding'
    | 'softmax'
    | 'observer'
    | 'steps'
    | 'name'
  > {
  readonly out: string;
  readonly bits: string;
  readonly maxDrop?: number;
  readonly maxBytes?: number;
  readonly calib?: string;
  readonly dim?: Readonly<Record<string, Bounds>>;
  readonly freeze?: readonly (readonly [string, string])[];
  readonly dumpAfter?: readonly string[];
  readonly js: boolean;
  readonly verbose?: true;
  readonly json?: true;
}

export const addCompile = (program: Command, io: Io): Command =>
  program
    .command('compile')
    .description('compile one model, or an encoder and a decoder as one package, to C')
    .argument('<model.onnx...>')
    .requiredOption('-o, --out <dir>', 'folder of the package')
    .option('--bits <bits>', 'f32, w8a8, w6a6, w4a4, or auto: 4, 6, 8 bits or float for each layer', 'w8a8')
    .option('--max-drop <iou>', 'auto: fewest bytes of weights whose masks lose at most so much IoU', parseDrop)
    .option('--max-bytes <n>', 'auto: least error with at most so many bytes of weights', parseBytes)
    .option('--calib <dir>', 'pictures and an optional prompts.json, or .npz files keyed by input name')
    .addOption(new Option('--target <target>').choices(TARGET_CHOICES).default('host'))
    .addOption(new Option('--keys <mode>', 'treatment of two-peaked keys').choices(KEY_MODES).default('auto'))
    .addOption(new Option('--clip <mode>', 'ranges of queries and keys').choices(CLIP_MODES).default('none'))
    .addOption(new Option('--scales <mode>', 'moving of scales out of LayerNorms').choices(SCALE_MODES).default('auto'))
    .addOption(
      new Option('--values <mode>', 'below 8 bits: centring and mixing of the values of attentions')
        .choices(VALUE_MODES)
        .default('auto'),
    )
    .addOption(
      new Option('--offsets <mode>', 'below 8 bits: constants taken out of what layers read')
        .choices(OFFSET_MODES)
        .default('auto'),
    )
    .addOption(new Option('--rounding <mode>', 'weights below 8 bits').choices(ROUNDING_MODES).default('second-order'))
    .addOption(new Option('--softmax <mode>', 'coding of probabilities').choices(SOFTMAX_MODES).default('auto'))
    .addOption(new Option('--observer <mode>', 'how ranges are found').choices(OBSERVERS).default('mse'))
    .addOption(
      new Option('--steps <mode>', 'steps between the codes of activations, below 8 bits')
        .choices(STEP_MODES)
        .default('auto'),
    )
    .option('--dim <symbol=min..max>', 'bounds of a symbolic dimension (repeatable)', parseDim)
    .option('--freeze <input=file.npy>', 'make an input a constant (repeatable)', collectBindings)
    .option('--name <identifier>', 'name of the model in C (of several: what their names begin with)')
    .option('--no-js', 'leave out js/, the bindings for JavaScript')
    .option('--dump-after <pass>', 'print the program after a pass (repeatable)', collect)
    .option('--verbose', 'name every pass with its time; stacks of errors')
    .option('--json', 'print one JSON object')
    .action((files: readonly string[], options: Options, command: Command) => {
      const bounds = [options.maxDrop, options.maxBytes].filter((bound) => bound !== undefined).length;
      if (options.bits === 'auto' && bounds !== 1)
        command.error('error: --bits auto needs one bound: --max-drop or --max-bytes');
      if (options.bits !== 'auto' && bounds > 0) command.error('error: --max-drop and --max-bytes are for --bits auto');
      return run(files, options, io);
    });

async function run(files: readonly string[], options: Options, io: Io): Promise<void> {
  const bits = parseBits(options.bits);
  const freeze = new Map(
    await Promise.all(
      (options.freeze ?? []).map(async ([input, file]) => [input, tensorOf(await readNpy(file))] as const),
    ),
  );
  // Dumps are the result where they are asked for; one JSON object or a dump on standard output, not both.
  const dump = options.json ? io.err : io.out;
  const say = options.dumpAfter ? io.err : io.out;
  let last = performance.now();
  const { manifest, calibration, report, wasmMissing } = await withProgress(io, (onProgress) =>
    compile(files, {
      outDir: options.out,
      bits,
      ...(options.maxDrop !== undefined && { bound: { maxDrop: options.maxDrop } }),
      ...(options.maxBytes !== undefined && { bound: { maxBytes: options.maxBytes } }),
      js: options.js,
      ...(options.target !== undefined && { target: options.target }),
      ...(options.calib !== undefined && { calibration: options.calib }),
      ...(options.keys !== undefined && { keys: options.keys }),
      ...(options.softmax !== undefined && { softmax: options.softmax }),
      ...(options.scales !== undefined && { scales: options.scales }),
      ...(options.values !== undefined && { values: options.values }),
      ...(options.offsets !== undefined && { offsets: options.offsets }),
      ...(options.rounding !== undefined && { rounding: options.rounding }),
      ...(options.clip !== undefined && { clip: options.clip }),
      ...(options.steps !== undefined && { steps: options.steps }),
      ...(options.observer !== undefined && { observer: options.observer }),
      ...(options.dim !== undefined && { dims: options.dim }),
      ...(options.name !== undefined && { name: options.name }),
      ...(options.dumpAfter !== undefined && { dumpAfter: options.dumpAfter }),
      freeze,
      onDump: (model, pass, text) => dump(`; ${model} after ${pass}\n${text}`),
      onPass: (model, pass, nodes) => {
        const now = performance.now();
        if (options.verbose) io.err(`${model}: ${pass}: ${nodes} nodes, ${(now - last).toFixed(0)} ms\n`);
        last = now;
      },
      onProgress: options.verbose ? () => {} : onProgress,
    }),
  );
  if (wasmMissing !== undefined)
    io.err(`js: WebAssembly is not built: ${wasmMissing}; later: make -C ${options.out} wasm\n`);
  const shipped = calibration !== undefined && options.calib === undefined;
  if (options.json) {
    io.out(json({ out: options.out, ...(calibration !== undefined && { calibration }), ...manifest }));
    return;
  }
  if (bits !== 'f32' && calibration === undefined)
    io.err(`quantized before: the model's own scales and zero points are kept, and nothing is calibrated\n`);
  if (shipped) io.err(`calibrated on the scenes that ship with sam-qc; give --calib <dir> with your own\n`);
  say(`${options.out}: ${manifest.bits} for ${manifest.target}\n`);
  for (const { name, nodes, weights_bytes, arena_bytes } of manifest.models)
    say(`  ${name}: ${nodes} nodes, weights ${bytesText(weights_bytes)}, arena ${bytesText(arena_bytes)}\n`);
  if (report.bit_choice) say(`${bitChoiceText(report.bit_choice)}\n`);
  say(`build it: make -C ${options.out}\n`);
}

/** How many layers have which bits, and what the masks lose. */
function bitChoiceText({ groups, chosen: { drop } }: BitChoiceReport): string {
  const counts = new Map<string, number>();
  for (const { bits, layers } of groups) counts.set(bits, (counts.get(bits) ?? 0) + layers.length);
  const layers = [...counts].sort().map(([bits, count]) => `${count} ${count === 1 ? 'layer' : 'layers'} ${bits}`);
  const lost =
    drop && `; masks lose ${drop.mean.toFixed(4)} ± ${drop.standard_error.toFixed(4)} IoU on ${drop.prompts} prompts`;
  return `  ${layers.join(', ')}${lost ?? ''}`;
}
