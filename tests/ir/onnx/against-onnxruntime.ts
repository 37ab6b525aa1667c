import * as ort from 'onnxruntime-node';
import { expect } from 'vitest';
import { evaluateGraph } from '../../../src/ir/evaluate.js';
import { importModel } from '../../../src/ir/onnx/import-model.js';
import { operators } from '../../../src/ir/onnx/operators/index.js';
import { elementCount, isFloat, type Tensor } from '../../../src/ir/types.js';
import { type AttributeValue, f32, type NodeSpec, writeModel } from './build-model.js';

/** One operator at a time, against onnxruntime. */

/** Multiples of 1/8 in [−4, 4), the same in every run. */
export function sample(shape: readonly number[], seed = 1): Tensor {
  let state = seed;
  return f32(
    shape,
    Array.from({ length: elementCount(shape) }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 26) / 8 - 4;
    }),
  );
}
export const u8 = (shape: readonly number[], values: readonly number[]): Tensor => ({
  dtype: 'u8',
  shape,
  data: Uint8Array.from(values),
});
export const i8 = (shape: readonly number[], values: readonly number[]): Tensor => ({
  dtype: 'i8',
  shape,
  data: Int8Array.from(values),
});
export const codes = (shape: readonly number[]): Tensor =>
  u8(
    shape,
    [...sample(shape).data].map((x) => Number(x) * 16 + 64),
  );

export interface Case {
  readonly name: string;
  readonly opset: number;
  readonly node: Omit<NodeSpec, 'in' | 'out'>;
  /** Positional; null stands for an absent input. */
  readonly inputs: readonly (Tensor | null)[];
  /** Inputs from here on are initializers. */
  readonly constantsFrom: number;
  readonly results: number;
}

export function theCase(
  op: string,
  opset: number,
  attrs: Readonly<Record<string, AttributeValue>>,
  inputs: readonly (Tensor | null)[],
  { constantsFrom = 1, results = 1, note = '' } = {},
): Case {
  const name = `${op}-${opset} ${JSON.stringify(attrs)} ${note}`;
  return { name, opset, node: { op, attrs }, inputs, constantsFrom, results };
}

export const toOrt = ({ dtype, shape, data }: Tensor): ort.Tensor => {
  const type = { f32: 'float32', i64: 'int64', u8: 'uint8', i8: 'int8', bool: 'bool' }[String(dtype)];
  return new ort.Tensor(type as 'float32', data as Float32Array, [...shape]);
};
const results = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `y${i}`);

export async function onnxruntime(path: string, inputs: ReadonlyMap<string, Tensor>, count: number) {
  const session = await ort.InferenceSession.create(path, { logSeverityLevel: 3 });
  const found = await session.run(Object.fromEntries([...inputs].map(([name, tensor]) => [name, toOrt(tensor)])));
  await session.release();
  return results(count).map((name) => found[name] as ort.Tensor);
}

/** Imports and evaluates a model of one node; its outputs are onnxruntime's, and its ops those that the table names. */
export async function expectAgreement({ opset, node, inputs, constantsFrom, results: count }: Case): Promise<void> {
  const named = inputs.map((tensor, i) => ({ name: tensor ? `x${i}` : '', tensor, runtime: i < constantsFrom }));
  const present = (runtime: boolean): ReadonlyMap<string, Tensor> =>
    new Map(
      named.flatMap(({ name, tensor, runtime: at }) => (tensor && at === runtime ? [[name, tensor] as const] : [])),
    );
  const runtime = present(true);
  const path = writeModel({
    opset,
    inputs: Object.fromEntries(runtime),
    outputs: Object.fromEntries(results(count).map((name) => [name, null])),
    initializers: Object.fromEntries(present(false)),
    nodes: [{ ...node, in: named.map(({ name }) => name), out: results(count) }],
  });
  const expected = await onnxruntime(path, runtime, count);
  const graph = importModel(path);
  const declared = operators[node.op]?.into ?? [];
  expect(graph.nodes.map(({ op }) => op).filter((op) => op !== 'scalars' && !declared.includes(op))).toEqual([]);
  const found = evaluateGraph(graph, runtime);
  for (const [i, name] of results(count).entries()) {
    const [tensor, reference] = [found.get(name), expected[i]];
    expect(tensor?.shape).toEqual(reference?.dims);
    const [values, wanted] = [
      Array.from(tensor?.data ?? [], Number),
      Array.from(reference?.data as Float32Array, Number),
    ];
    if (tensor && !isFloat(tensor.dtype)) expect(values).toEqual(wanted);
    else for (const [at, value] of values.entries()) expect(value).toBeCloseTo(wanted[at] ?? Number.NaN, 4);
  }
}
