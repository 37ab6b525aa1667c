import { basename, join, parse } from 'node:path';
import type { ExampleMask } from './calibrate/example-masks.js';
import { quantizeModels } from './calibrate/quantize-package.js';
import type { QuantizationReport } from './calibrate/quantize-program.js';
import { canonicalGraph, passObserver } from './canonical-graph.js';
import { emitBindings } from './codegen/bindings/emit-bindings.js';
import type { SamPair } from './codegen/bindings/emit-index.js';
import { emitPackage, type Manifest } from './codegen/emit-package.js';
import { resolveTarget } from './codegen/targets.js';
import { requireCompiler } from './host-tools.js';
import type { Graph } from './ir/graph.js';
import { BITS, type Bits, type CompileOptions } from './options.js';
import { isQuantized, KEEP_QUANTIZATION } from './passes/keep-quantization.js';
import { runPipeline } from './passes/pass.js';
import { reportHtml } from './report/html.js';
import { drawExamples } from './report/pictures.js';
import { packageReport, type Report, reportJson } from './report.js';
import { describeSam } from './sam.js';
import { SHIPPED_EXAMPLES, SHIPPED_SCENES } from './shipped.js';
import { checkDumpNames, checkNames, checkOutDir, openSource, type Source } from './source-model.js';
import { UserError } from './user-error.js';

export interface CompiledModels {
  readonly manifest: Manifest;
  readonly bits: Bits;
  /** Where the calibration samples came from; undefined for float builds and models that were quantized before. */
  readonly calibration: string | undefined;
  /** What report.json holds and report.html shows. */
  readonly report: Report;
  /** Why the WebAssembly modules of the bindings could not be built here; undefined where they were, or were not asked for. */
  readonly wasmMissing: string | undefined;
}

interface Model {
  readonly name: string;
  readonly file: string;
  readonly sourceSha256: string;
  readonly graph: Graph;
  readonly quantization?: QuantizationReport;
  readonly examples?: readonly ExampleMask[];
}

/**
 * Compiles ONNX models to one package of C: import, canonical form, quantization where `bits` asks for it, code.
 *
 * @param files one model, or an encoder and a decoder
 * @throws UserError or ModelError where the input is at fault; nothing is left in `outDir` then
 */
export async function compile(files: readonly string[], options: CompileOptions): Promise<CompiledModels> {
  const { bits = 'w8a8', outDir } = options;
  await checkOutDir(outDir);
  checkDumpNames(options.dumpAfter ?? [], bits);
  const sources = await Promise.all(files.map(openSource));
  checkNames(sources, options);
  if (BITS[bits]) requireCompiler();

  const float = named(
    sources.map((source) => ({ ...source, graph: canonicalGraph(source, options) })),
    options.name,
  );
  const widths = BITS[bits];
  const models = widths === undefined ? float : await quantized(float, widths, options);
  const calibrated = models.some(({ quantization }) => quantization !== undefined);
  const calibration = calibrated ? (options.calibration ?? SHIPPED_SCENES) : undefined;
  options.onProgress?.('writing C', 0, 1);
  const reports: Report[] = [];
  let wasmMissing: string | undefined;
  const { manifest } = await emitPackage(models, {
    target: resolveTarget(options.target ?? 'host'),
    bits,
    outDir,
    extraFiles: async (written) => {
      const report = packageReport(
        models.map((model, i) => ({ ...model, float: float[i]!.graph })),
        bits,
        written,
      );
      reports.push(report);
      const pictures = await drawExamples(models.flatMap(({ examples }) => examples ?? []));
      return { 'report.json': reportJson(report), 'report.html': await reportHtml(report, pictures) };
    },
    ...(options.js !== false && {
      addTo: async (folder, packaged) => {
        const sam = samPair(packaged);
        const packageName = (options.name ?? (sam ? 'sam' : (packaged[0]?.name ?? 'model'))).toLowerCase();
        const bindings = {
          exact: bits !== 'f32',
          packageName: `${packageName.replace(/_/g, '-')}-${bits}`,
          sam,
          examples: SHIPPED_EXAMPLES,
        };
        ({ wasmMissing } = await emitBindings(join(folder, 'js'), packaged, bindings));
      },
    }),
  });
  options.onProgress?.('writing C', 1, 1);
  const [report] = reports;
  if (report === undefined) throw new Error('the package was written without its report');
  return { manifest, bits, calibration, report, wasmMissing };
}

/** The encoder and decoder of a package that holds just these. */
function samPair(models: readonly { readonly name: string; readonly graph: Graph }[]): SamPair | undefined {
  const described = models.map(({ name, graph }) => ({ name, sam: describeSam(graph) }));
  const encoder = described.find(({ sam }) => sam.role === 'encoder');
  const decoder = described.find(({ sam }) => sam.role === 'decoder');
  if (models.length !== 2 || encoder?.sam.role !== 'encoder' || decoder === undefined) return undefined;
  const { side, image, embeddings } = encoder.sam;
  return { encoder: encoder.name, decoder: decoder.name, side, image, embeddings };
}

async function quantized(
  models: readonly Model[],
  widths: NonNullable<(typeof BITS)[Bits]>,
  options: CompileOptions,
): Promise<readonly Model[]> {
  const kept = keptModels(models, widths, options);
  if (kept.every((model) => model !== undefined)) return kept;
  const given = models.map((model, i) => ({ ...model, kept: kept[i]?.graph }));
  const results = await quantizeModels(given, {
    bits: widths,
    calibration: options.calibration ?? SHIPPED_SCENES,
    keys: options.keys ?? 'auto',
    scales: options.scales ?? 'auto',
    clip: options.clip ?? 'auto',
    rounding: options.rounding ?? 'auto',
    softmax: options.softmax ?? 'auto',
    observer: options.observer ?? 'mse',
    steps: options.steps ?? 'auto',
    ...(options.onProgress && { onProgress: options.onProgress }),
    onPass: (model, pass, graph) => passObserver(model, options)(pass, graph),
  });
  return models.map((model, i) => {
    const { graph, report: quantization, examples } = results[i]!;
    return { ...model, graph, ...(quantization && { quantization }), ...(examples && { examples }) };
  });
}

/**
 * Models that are already quantized, with their own parameters; undefined for the others.
 *
 * @throws UserError where they are to be quantized to other widths
 */
function keptModels(
  models: readonly Model[],
  widths: NonNullable<(typeof BITS)[Bits]>,
  options: CompileOptions,
): readonly (Model | undefined)[] {
  return models.map((model) => {
    if (!isQuantized(model.graph)) return undefined;
    if (widths.weights !== 8 || widths.activations !== 8)
      throw new UserError(
        `${basename(model.file)}: is quantized to 8 bits already; compile it with --bits w8a8 or f32`,
      );
    const onDump = passObserver(model.name, options);
    return { ...model, graph: runPipeline(model.graph, KEEP_QUANTIZATION, { dumpAfter: 'all', onDump }) };
  });
}

/** A pair of SAM's models is named by role, others by file. */
function named(models: readonly (Source & { readonly graph: Graph })[], name: string | undefined): readonly Model[] {
  const roles = models.map(({ graph }) => describeSam(graph).role);
  const isPair = models.length === 2 && roles.includes('encoder') && roles.includes('decoder');
  return models.map((model, i) => {
    const own = isPair ? roles[i]! : parse(model.file).name;
    const full = name === undefined ? own : models.length === 1 ? name : `${name}_${own}`;
    return { ...model, name: full };
  });
}
