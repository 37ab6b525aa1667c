import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';
import { type Range, rewriteStatic, rewriteToObserve } from '../bench/quantize-onnx.js';
import { compile } from '../src/compile.js';
import { buildPackage, openPackage, runModel } from '../src/compiled-package.js';
import { prepareImage, readPicture } from '../src/image.js';
import { evaluateGraph } from '../src/ir/evaluate.js';
import type { Graph } from '../src/ir/graph.js';
import { importModel } from '../src/ir/onnx/import-model.js';
import { tensorToBytes } from '../src/ir/tensor-bytes.js';
import type { Tensor } from '../src/ir/types.js';
import { isQuantized, KEEP_QUANTIZATION } from '../src/passes/keep-quantization.js';
import { runPipeline } from '../src/passes/pass.js';
import { PASSES } from '../src/passes/pipeline.js';
import type { Report } from '../src/report.js';
import { codes, i8, sample, u8 } from './ir/onnx/against-onnxruntime.js';
import { f32, type ModelSpec, type NodeSpec, writeModel } from './ir/onnx/build-model.js';

/** Models that are already quantized: their own scales and zero points, in integer kernels. */

const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-kept-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const program = (path: string): Graph => runPipeline(importModel(path), PASSES);
const kept = (path: string): Graph => runPipeline(program(path), KEEP_QUANTIZATION);
const opsOf = (graph: Graph): readonly string[] => graph.nodes.map(({ op }) => op);

/** As ONNX defines it: no fusions, and none of the kernels that saturate 16-bit sums on machines without VNNI. */
async function onnxruntime(
  path: string,
  inputs: ReadonlyMap<string, Tensor>,
): Promise<ReadonlyMap<string, Float32Array>> {
  const session = await ort.InferenceSession.create(path, { logSeverityLevel: 3, graphOptimizationLevel: 'disabled' });
  const feeds = [...inputs].map(([name, { data, shape }]) => [name, new ort.Tensor(data as Float32Array, [...shape])]);
  const found = await session.run(Object.fromEntries(feeds));
  await session.release();
  return new Map(Object.entries(found).map(([name, { data }]) => [name, data as Float32Array]));
}

const small = (model: 'encoder' | 'decoder'): string =>
  fileURLToPath(new URL(`../examples/tiny-sam/${model}.onnx`, import.meta.url));

/** The small SAM's, quantized by its own minimum and maximum as onnxruntime's tool does. */
async function quantizedByOnnxruntime(
  model: 'encoder' | 'decoder',
  inputs: ReadonlyMap<string, Tensor>,
): Promise<string> {
  const [observing, quantized] = [join(scratch, `${model}-observe.onnx`), join(scratch, `${model}-quantized.onnx`)];
  rewriteToObserve(small(model), observing);
  const ranges = new Map<string, Range>();
  for (const [name, data] of await onnxruntime(observing, inputs)) {
    const [, end, tensor = ''] = /^(min|max):(.*)$/.exec(name) ?? [];
    if (end) ranges.set(tensor, { min: 0, max: 0, ...ranges.get(tensor), [end]: data[0]! });
  }
  rewriteStatic(small(model), quantized, ranges);
  return quantized;
}

function decibels(found: Float32Array, expected: Float32Array): number {
  let [signal, noise] = [0, 0];
  for (const [i, value] of expected.entries()) {
    signal += value ** 2;
    noise += (found[i]! - value) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}

const scalar = (value: number): Tensor => f32([], [value]);
/** Codes over the whole range, of −128 too. */
const weightCodes = (shape: readonly number[]): Tensor =>
  i8(
    shape,
    Array.from(sample(shape, 9).data as Float32Array, (x) => Math.max(-128, Math.round(x * 32))),
  );
const dequantizeWeight = (axis: number): NodeSpec => ({
  op: 'DequantizeLinear',
  in: ['w', 'sw'],
  out: ['weight'],
  attrs: { axis },
});
/** x → codes → x′, product, codes → y */
const around = (product: readonly NodeSpec[], axis: number): readonly NodeSpec[] => [
  { op: 'QuantizeLinear', in: ['x', 'sx', 'zx'], out: ['qx'] },
  { op: 'DequantizeLinear', in: ['qx', 'sx', 'zx'], out: ['dx'] },
  dequantizeWeight(axis),
  ...product,
  { op: 'QuantizeLinear', in: ['p', 'sy', 'zy'], out: ['qy'] },
  { op: 'DequantizeLinear', in: ['qy', 'sy', 'zy'], out: ['y'] },
];
const SY = 0.0625 * 9;
const unsigned = { sx: scalar(0.03), zx: u8([], [117]), sy: scalar(SY), zy: u8([], [90]) };
const signed = { sx: scalar(0.03), zx: i8([], [-11]), sy: scalar(SY), zy: i8([], [5]) };
const bias = { dtype: 'i32', shape: [6], data: Int32Array.of(900, -4000, 0, 77, -1, 5000) } as const;
const biasScale = (scales: readonly number[]): Tensor =>
  f32(
    [6],
    scales.map((scale) => Math.fround(Math.fround(0.03) * Math.fround(scale))),
  );
const perChannel = [0.02, 0.01, 0.03, 0.005, 0.02, 0.04];
const model = (
  shape: readonly number[],
  initializers: Readonly<Record<string, Tensor>>,
  nodes: readonly NodeSpec[],
): ModelSpec => ({
  opset: 19,
  inputs: { x: { dtype: 'f32', shape } },
  outputs: { y: null },
  initializers,
  nodes,
});

const matmul = model(
  [5, 8],
  { ...unsigned, w: weightCodes([8, 6]), sw: f32([6], perChannel) },
  around([{ op: 'MatMul', in: ['dx', 'weight'], out: ['p'] }], 1),
);
const gemm = model(
  [5, 8],
  { ...signed, w: weightCodes([6, 8]), sw: f32([6], perChannel), b: bias, sb: biasScale(perChannel) },
  around(
    [
      { op: 'DequantizeLinear', in: ['b', 'sb'], out: ['bias'], attrs: { axis: 0 } },
      { op: 'Gemm', in: ['dx', 'weight', 'bias'], out: ['g'], attrs: { transB: 1 } },
      { op: 'Relu', in: ['g'], out: ['p'] },
    ],
    0,
  ),
);
const conv = model(
  [1, 3, 7, 6],
  { ...signed, w: weightCodes([6, 3, 3, 3]), sw: f32([6], perChannel), b: bias, sb: biasScale(perChannel) },
  around(
    [
      { op: 'DequantizeLinear', in: ['b', 'sb'], out: ['bias'], attrs: { axis: 0 } },
      { op: 'Conv', in: ['dx', 'weight', 'bias'], out: ['p'], attrs: { pads: [1, 1, 1, 1], strides: [2, 1] } },
    ],
    0,
  ),
);
/** Unsigned weights: signed ones saturate in onnxruntime's own kernel on machines without VNNI. */
const qLinear = model([1, 3, 7, 6], { ...unsigned, w: codes([6, 3, 1, 2]), sw: scalar(0.02), zw: u8([], [128]) }, [
  { op: 'QuantizeLinear', in: ['x', 'sx', 'zx'], out: ['qx'] },
  { op: 'QLinearConv', in: ['qx', 'sx', 'zx', 'w', 'sw', 'zw', 'sy', 'zy'], out: ['qy'] },
  { op: 'DequantizeLinear', in: ['qy', 'sy', 'zy'], out: ['y'] },
]);
const inputOf = (spec: ModelSpec): ReadonlyMap<string, Tensor> =>
  new Map([['x', sample(spec.inputs!.x!.shape as readonly number[], 3)]]);

describe('models that are already quantized', () => {
  it.each([
    ['MatMul of u8 codes', matmul, 'integer_linear'],
    ['Gemm, Relu of s8 codes', gemm, 'integer_linear'],
    ['Conv of s8 codes', conv, 'integer_conv'],
    ['QLinearConv', qLinear, 'integer_conv'],
  ])('%s runs on integers, within one code of onnxruntime', async (_, spec, op) => {
    const path = writeModel(spec);
    const graph = kept(path);
    const ops = opsOf(graph);
    expect(ops).toContain(op);
    expect(ops.filter((name) => ['linear', 'conv', 'cast', 'binary', 'unary'].includes(name))).toEqual([]);
    const inputs = inputOf(spec);
    const wanted = (await onnxruntime(path, inputs)).get('y')!;
    const y = evaluateGraph(graph, inputs).get('y')!.data as Float32Array;
    expect(new Set(wanted).size).toBeGreaterThan(10);
    for (const [i, value] of wanted.entries()) expect(Math.abs(y[i]! - value)).toBeLessThanOrEqual(SY * 1.0001);
  });

  it('are compiled without calibration, and say what runs on integers', async () => {
    const path = writeModel(conv);
    const outDir = join(scratch, 'package');
    const { calibration } = await compile([path], {
      outDir,
      bits: 'w8a8',
      js: false,
      calibration: join(scratch, 'absent'),
    });
    expect(calibration).toBeUndefined();
    const { layers } = JSON.parse(readFileSync(join(outDir, 'report.json'), 'utf8')) as Report;
    expect(layers).toMatchObject([{ op: 'conv', bits: 'w8a8', role: 'given', sqnr_db: null }]);
    const compiled = await openPackage(outDir);
    await buildPackage(compiled);
    const inputs = inputOf(conv);
    const { outputs } = await runModel(compiled, 'model', inputs, join(scratch, 'run'));
    const expected = evaluateGraph(kept(path), inputs);
    expect(tensorToBytes(outputs.get('y')!)).toEqual(tensorToBytes(expected.get('y')!));
  }, 120_000);

  it('are refused at other widths', async () => {
    const options = { outDir: join(scratch, 'refused'), bits: 'w4a4', js: false } as const;
    await expect(compile([writeModel(conv)], options)).rejects.toThrow(/model.onnx: is quantized to 8 bits already/);
  });

  it('stay in float where codes or scales are of another kind', () => {
    const blocked = writeModel({
      ...matmul,
      opset: 21,
      initializers: {
        ...unsigned,
        w: weightCodes([8, 6]),
        sw: f32([2, 6], [...perChannel, ...perChannel.map((s) => s / 2)]),
      },
      nodes: matmul.nodes.map((node) =>
        node.out[0] === 'weight' ? { ...node, attrs: { axis: 0, block_size: 4 } } : node,
      ),
    });
    expect(opsOf(kept(blocked))).toContain('linear');
    const wide = writeModel({
      ...matmul,
      initializers: {
        ...unsigned,
        w: u8(
          [8, 6],
          Array.from({ length: 48 }, (_, i) => 5 * i),
        ),
        sw: scalar(0.02),
      },
    });
    expect(isQuantized(program(wide))).toBe(true);
    expect(opsOf(kept(wide))).toContain('linear');
  });

  it('are kept as onnxruntime writes them: the decoder of the small SAM, above 40 dB', async () => {
    const inputs = new Map<string, Tensor>([
      ['image_embeddings', sample([1, 128, 16, 16])],
      ['point_coords', f32([1, 3, 2], [80, 175, 30, 40, 0, 0])],
      ['point_labels', f32([1, 3], [1, 0, -1])],
      [
        'mask_input',
        f32(
          [1, 1, 64, 64],
          Array.from({ length: 4096 }, (_, i) => Math.sin(i)),
        ),
      ],
      ['has_mask_input', f32([1], [1])],
      ['orig_im_size', f32([2], [171, 256])],
    ]);
    const quantized = await quantizedByOnnxruntime('decoder', inputs);
    const graph = kept(quantized);
    const ops = opsOf(graph);
    // Transposed convolutions are not among what that form quantizes.
    expect(ops.filter((op) => op === 'linear' || op === 'conv')).toHaveLength(2);
    expect(ops.filter((op) => op === 'integer_linear').length).toBeGreaterThan(40);
    const wanted = await onnxruntime(quantized, inputs);
    for (const [name, { data }] of evaluateGraph(graph, inputs)) {
      expect(decibels(data as Float32Array, wanted.get(name)!), name).toBeGreaterThan(40);
    }
  }, 120_000);

  it('are as near to onnxruntime as it is to itself: the encoder of the small SAM, whose codes float rounding decides', async () => {
    const picture = await readPicture(fileURLToPath(new URL('../examples/scenes/evaluation/001.png', import.meta.url)));
    const pixels = prepareImage(picture, 256, 'padded').tensor;
    const image = (data: Float32Array): ReadonlyMap<string, Tensor> =>
      new Map([['image', { dtype: 'f32', shape: [1, 3, 256, 256], data }]]);
    const quantized = await quantizedByOnnxruntime('encoder', image(pixels));
    const run = async (path: string, data: Float32Array): Promise<Float32Array> =>
      (await onnxruntime(path, image(data))).get('image_embeddings')!;
    const [float, wanted] = [await run(small('encoder'), pixels), await run(quantized, pixels)];
    // Of −4 … 4.
    const nudges = sample([pixels.length]).data as Float32Array;
    const nudged = await run(
      quantized,
      pixels.map((x, i) => x * (1 + 2.5e-6 * nudges[i]!)),
    );
    const found = evaluateGraph(kept(quantized), image(pixels)).get('image_embeddings')!.data as Float32Array;
    const itself = decibels(nudged, wanted);
    // Where this were large, nothing would excuse a difference of ours.
    expect(itself).toBeLessThan(40);
    expect(decibels(found, wanted)).toBeGreaterThan(itself - 1);
    // The noise of the quantization itself is the same.
    expect(decibels(found, float)).toBeGreaterThan(decibels(wanted, float) - 0.3);
  }, 120_000);
});
