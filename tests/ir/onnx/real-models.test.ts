import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { evaluateGraph } from '../../../src/ir/evaluate.js';
import type { Graph } from '../../../src/ir/graph.js';
import { importModel } from '../../../src/ir/onnx/import-model.js';
import { scalarKey } from '../../../src/ir/scalar.js';
import { elementCount, type Tensor } from '../../../src/ir/types.js';

const folder = fileURLToPath(new URL('../../../examples/tiny-sam', import.meta.url));

/** Uniform in [−1, 1), the same in every run. */
function noise(shape: readonly number[], seed: number): Tensor {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return { dtype: 'f32', shape, data: Float32Array.from({ length: elementCount(shape) }, next) };
}
const tensor = (shape: readonly number[], values: readonly number[]): Tensor => ({
  dtype: 'f32',
  shape,
  data: Float32Array.from(values),
});

const opsOf = (graph: Graph): ReadonlySet<string> => new Set(graph.nodes.map(({ op }) => op));
const shapesOf = (graph: Graph): Readonly<Record<string, string>> =>
  Object.fromEntries(
    graph.outputs.map(({ name, value }) => [name, graph.values.get(value)?.type.shape.map(scalarKey).join(' ') ?? '']),
  );

async function reference(path: string, inputs: ReadonlyMap<string, Tensor>): Promise<ReadonlyMap<string, Tensor>> {
  const session = await ort.InferenceSession.create(path);
  const feeds = Object.fromEntries(
    [...inputs].map(([name, { shape, data }]) => [name, new ort.Tensor('float32', data as Float32Array, [...shape])]),
  );
  const results = await session.run(feeds);
  await session.release();
  return new Map(
    Object.entries(results).map(([name, { dims, data }]) => [
      name,
      { dtype: 'f32', shape: dims, data: data as Float32Array },
    ]),
  );
}

/** max |x − y| / max |y| */
function error(found: Tensor | undefined, expected: Tensor): number {
  expect(found?.shape).toEqual(expected.shape);
  let [difference, largest] = [0, 0];
  for (const [i, y] of expected.data.entries()) {
    difference = Math.max(difference, Math.abs(Number(found?.data[i]) - Number(y)));
    largest = Math.max(largest, Math.abs(Number(y)));
  }
  return difference / largest;
}

describe('the small SAM', () => {
  it('imports the encoder without any shape arithmetic', () => {
    const graph = importModel(`${folder}/encoder.onnx`);
    const ops = opsOf(graph);
    for (const op of ['scalars', 'iota', 'gather', 'concat', 'cast', 'select', 'expand']) expect(ops).not.toContain(op);
    expect(shapesOf(graph)).toEqual({ image_embeddings: '1 128 16 16' });
  });

  it('encodes as onnxruntime does', async () => {
    const inputs = new Map([['image', noise([1, 3, 256, 256], 7)]]);
    const expected = await reference(`${folder}/encoder.onnx`, inputs);
    const found = evaluateGraph(importModel(`${folder}/encoder.onnx`), inputs);
    for (const [name, reference] of expected) expect(error(found.get(name), reference), name).toBeLessThan(1e-4);
  });

  it('imports the decoder with the number of points and the picture size left open', () => {
    const graph = importModel(`${folder}/decoder.onnx`);
    const ops = opsOf(graph);
    for (const op of ['scalars', 'iota', 'select']) expect(ops).not.toContain(op);
    expect(shapesOf(graph)).toEqual({
      masks: '1 4 to_int(orig_im_size[0]f) to_int(orig_im_size[1]f)',
      iou_predictions: '1 4',
      low_res_masks: '1 4 64 64',
    });
    expect(graph.bounds).toEqual({ num_points: { min: 1, max: 16 }, orig_im_size: { min: 1, max: 4096 } });
  });

  it('imports the decoder for one number of points and one picture size', () => {
    const graph = importModel(`${folder}/decoder.onnx`, {
      dims: { num_points: { min: 3, max: 3 } },
      freeze: new Map([['orig_im_size', tensor([2], [480, 640])]]),
    });
    expect(graph.bounds).toEqual({});
    expect(shapesOf(graph)).toMatchObject({ masks: '1 4 480 640' });
    expect(graph.inputs).toHaveLength(5);
  });

  const decoder = importModel(`${folder}/decoder.onnx`);
  it.each([
    [1, 256, 256],
    [3, 480, 640],
    [8, 256, 256],
    [3, 333, 101],
  ])('decodes %i points for a picture of %i × %i as onnxruntime does', async (points, height, width) => {
    const inputs = new Map([
      ['image_embeddings', noise([1, 128, 16, 16], 1)],
      [
        'point_coords',
        tensor(
          [1, points, 2],
          [...noise([points, 2], 2).data].map((x) => 128 + 127 * Number(x)),
        ),
      ],
      [
        'point_labels',
        tensor(
          [1, points],
          [...Array(points).keys()].map((i) => (i % 5) - 1),
        ),
      ],
      ['mask_input', noise([1, 1, 64, 64], 3)],
      ['has_mask_input', tensor([1], [points % 2])],
      ['orig_im_size', tensor([2], [height, width])],
    ]);
    const expected = await reference(`${folder}/decoder.onnx`, inputs);
    const found = evaluateGraph(decoder, inputs);
    expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [name, tensorExpected] of expected)
      expect(error(found.get(name), tensorExpected), name).toBeLessThan(1e-4);
  });
});
