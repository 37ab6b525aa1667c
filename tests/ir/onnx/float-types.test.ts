import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { evaluateGraph } from '../../../src/ir/evaluate.js';
import { f16Bits, f16FromBits, roundToBf16, roundToF16 } from '../../../src/ir/half.js';
import { importModel } from '../../../src/ir/onnx/import-model.js';
import type { Tensor } from '../../../src/ir/types.js';
import { runPipeline } from '../../../src/passes/pass.js';
import { PASSES } from '../../../src/passes/pipeline.js';
import { sample } from './against-onnxruntime.js';
import { i64, type ModelSpec, writeModel } from './build-model.js';

/** Models in float16, bfloat16 and float64, as float32 where the kernels are, against onnxruntime. */

const ROUND = { f16: roundToF16, bf16: roundToBf16 };
const as = (dtype: 'f16' | 'bf16' | 'f64', { shape, data }: Tensor): Tensor => {
  const values = Array.from(data as Float32Array, (x) => x / 7);
  return { dtype, shape, data: dtype === 'f64' ? Float64Array.from(values) : Float32Array.from(values, ROUND[dtype]) };
};

async function agreement(spec: ModelSpec, x: Tensor, tolerance: number): Promise<readonly string[]> {
  const path = writeModel(spec);
  const session = await ort.InferenceSession.create(path, { logSeverityLevel: 3 });
  const feed =
    x.dtype === 'f16'
      ? new ort.Tensor('float16', Uint16Array.from(x.data as Float32Array, f16Bits), [...x.shape])
      : new ort.Tensor(x.data as Float32Array | Float64Array, [...x.shape]);
  const wanted = (await session.run({ x: feed })).y!;
  await session.release();
  const graph = runPipeline(importModel(path), PASSES);
  const y = evaluateGraph(graph, new Map([['x', x]])).get('y')!;
  const half = wanted.type === 'float16';
  const values = Array.from(wanted.data as Float32Array, (v) => (half ? f16FromBits(v) : v));
  expect(y.shape).toEqual(wanted.dims);
  const largest = Math.max(...values.map(Math.abs));
  for (const [i, value] of values.entries())
    expect(Math.abs(Number(y.data[i]) - value)).toBeLessThanOrEqual(tolerance * largest);
  return graph.nodes.map(({ op }) => op);
}

describe('models of other float types', () => {
  it('float16, inputs and outputs included, runs on float32 kernels', async () => {
    const ops = await agreement(
      {
        opset: 20,
        inputs: { x: { dtype: 'f16', shape: [1, 3, 6, 6] } },
        outputs: { y: { dtype: 'f16', shape: [1, 16, 5] } },
        initializers: {
          kernel: as('f16', sample([4, 3, 3, 3])),
          offset: as('f16', sample([4], 2)),
          gamma: as('f16', sample([4], 3)),
          weight: as('f16', sample([4, 5], 4)),
          bias: as('f16', sample([5], 5)),
          shape: i64([3], [1, 4, -1]),
        },
        nodes: [
          { op: 'Conv', in: ['x', 'kernel', 'offset'], out: ['c'] },
          { op: 'Reshape', in: ['c', 'shape'], out: ['r'] },
          { op: 'Transpose', in: ['r'], out: ['t'], attrs: { perm: [0, 2, 1] } },
          { op: 'LayerNormalization', in: ['t', 'gamma'], out: ['n'] },
          { op: 'MatMul', in: ['n', 'weight'], out: ['p'] },
          { op: 'Add', in: ['p', 'bias'], out: ['s'] },
          { op: 'Gelu', in: ['s'], out: ['y'] },
        ],
      },
      as('f16', sample([1, 3, 6, 6], 6)),
      4e-3,
    );
    expect(ops).toContain('linear');
    expect(ops.filter((op) => op === 'cast')).toHaveLength(2);
  });

  it('bfloat16 weights widen to float32', async () => {
    const ops = await agreement(
      {
        inputs: { x: { dtype: 'f32', shape: [2, 4] } },
        outputs: { y: { dtype: 'f32', shape: [2, 3] } },
        initializers: { stored: as('bf16', sample([4, 3])) },
        nodes: [
          { op: 'Cast', in: ['stored'], out: ['weight'], attrs: { to: 1 } },
          { op: 'MatMul', in: ['x', 'weight'], out: ['y'] },
        ],
      },
      sample([2, 4], 2),
      1e-6,
    );
    expect(ops).toEqual(['linear']);
  });

  it('float64 is computed as float64', async () => {
    await agreement(
      {
        inputs: { x: { dtype: 'f64', shape: [2, 4] } },
        outputs: { y: { dtype: 'f64', shape: [2, 3] } },
        initializers: { weight: as('f64', sample([4, 3])), bias: as('f64', sample([3], 2)) },
        nodes: [
          { op: 'Gemm', in: ['x', 'weight', 'bias'], out: ['p'] },
          { op: 'Softmax', in: ['p'], out: ['y'] },
        ],
      },
      as('f64', sample([2, 4], 3)),
      1e-14,
    );
  });
});
