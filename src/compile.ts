import { basename, join, parse } from 'node:path';
import type { ExampleMask } from './calibrate/example-masks.js';
import { type BitChoice, quantizeMixed } from './calibrate/quantize-mixed.js';
import { type QuantizedModel, quantizeModels } from './calibrate/quantize-package.js';
import type { QuantizationReport } from './calibrate/quantize-program.js';
import { canonicalGraph, passObserver } from './canonical-graph.js';
import { emitBindings } from './codegen/bindings/emit-bindings.js';
import type { SamPair } from './codegen/bindings/emit-index.js';
import { emitPackage, type Manifest } from './codegen/emit-package.js';
import { resolveTarget, type TargetName } from './codegen/targets.js';
import { requireCompiler } from './host-tools.js';
import type { Graph } from './ir/graph.js';
import { BITS, type Bits, type CompileOptions, checkBound } from './options.js';
import { isQuantized, KEEP_QUANTIZATION } from './passes/keep-quantization.js';
import { runPipeline } from './passes/pass.js';
import { reportHtml } from './report/html.js';
import { drawExamples } from './report/pictures.js';
import { packageReport, type Report, reportJson } from './report.js';
import { describeSam } from './sam.js';
import { missingFeatures } from './sam-interface.js';
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
  checkBound(bits, options.bound);
  await checkOutDir(outDir);
  checkDumpNames(options.dumpAfter ?? [], bits);
  const sources = await Promise.all(files.map(openSource));
  checkNames(sources, options);
  if (bits !== 'f32') requireCompiler();

  const float = named(
    sources.map((source) => ({ ...source, graph: canonicalGraph(source, options) })),
    options.name,
  );
  const target = resolveTarget(options.target ?? 'host');
  const { models, choice } = bits === 'f32' ? { models: float } : await quantized(float, target, options);
  const calibrated = models.some(({ quantization }) => quantization !== undefined);
  const calibration = calibrated ? (options.calibration ?? SHIPPED_SCENES) : undefined;
  options.onProgress?.('writing C', 0, 1);
  const reports: Report[] = [];
  let wasmMissing: string | undefined;
  const { manifest } = await emitPackage(models, {
    target,
    bits: bits === 'auto' ? 'mixed' : bits,
    outDir,
    extraFiles: async (written) => {
      const report = packageReport(
        models.map((model, i) => ({ ...model, float: float[i]!.graph })),
        written,
        choice,
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
          packageName: `${packageName.replace(/_/g, '-')}-${bits === 'auto' ? 'mixed' : bits}`,
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
  if (models.length !== 2 || encoder?.sam.role !== 'encoder' || decoder?.sam.role !== 'decoder') return undefined;
  if (missingFeatures(encoder.sam, decoder.sam).length > 0) return undefined;
  return { encoder: encoder.name, decoder: decoder.name };
}

async function quantized(
  models: readonly Model[],
  target: TargetName,
  options: CompileOptions,
): Promise<{ readonly models: readonly Model[]; readonly choice?: BitChoice }> {
  const { bits = 'w8a8', bound } = options;
  const kept = keptModels(models, BITS[bits], options);
  if (kept.every((model) => model !== undefined)) return { models: kept };
  const common = {
    calibration: options.calibration ?? SHIPPED_SCENES,
    keys: options.keys ?? 'auto',
    values: options.values ?? 'auto',
    scales: options.scales ?? 'auto',
    offsets: options.offsets ?? 'auto',
    clip: options.clip ?? 'none',
    rounding: options.rounding ?? 'second-order',
    softmax: options.softmax ?? 'auto',
    observer: options.observer ?? 'mse',
    steps: options.steps ?? 'auto',
    ...(options.onProgress && { onProgress: options.onProgress }),
    onPass: (model: string, pass: string, graph: Graph) => passObserver(model, options)(pass, graph),
  } as const;
  const widths = BITS[bits];
  const quantize = async (): Promise<{ models: readonly QuantizedModel[]; choice?: BitChoice }> => {
    const given = models.map((model, i) => ({ ...model, kept: kept[i]?.graph }));
    if (widths) return { models: await quantizeModels(given, { ...common, bits: widths }) };
    if (bound) return quantizeMixed(models, { ...common, target, bound });
    throw new Error(`bits ${bits} without a bound`);
  };
  const { models: results, choice } = await quantize();
  return {
    models: models.map((model, i) => {
      const { graph, report: quantization, examples } = results[i]!;
      return { ...model, graph, ...(quantization && { quantization }), ...(examples && { examples }) };
    }),
    ...(choice && { choice }),
  };
}

/**
 * Models that are already quantized, with their own parameters; undefined for the others.
 *
 * @throws UserError where they are to be quantized to other widths
 */
function keptModels(
  models: readonly Model[],
  widths: (typeof BITS)[Bits],
  options: CompileOptions,
): readonly (Model | undefined)[] {
  return models.map((model) => {
    if (!isQuantized(model.graph)) return undefined;
    if (widths?.weights !== 8 || widths.activations !== 8)
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
