import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import type { Graph } from '../../src/ir/graph.js';
import { importModel } from '../../src/ir/onnx/import-model.js';
import { parse, randomTensor } from '../../src/ir/text/parse.js';
import { print } from '../../src/ir/text/print.js';
import type { Tensor } from '../../src/ir/types.js';
import { findAttention } from '../../src/passes/find-attention.js';
import { runPipeline } from '../../src/passes/pass.js';
import { PASSES } from '../../src/passes/pipeline.js';

const folder = fileURLToPath(new URL('../../examples/tiny-sam/', import.meta.url));

const load = (name: string): Graph =>
  importModel(`${folder}${name}.onnx`, { dims: { num_points: { min: 1, max: 8 } } });
function counts(graph: Graph): Readonly<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { op } of graph.nodes) found[op] = (found[op] ?? 0) + 1;
  return found;
}

function expectClose(before: ReadonlyMap<string, Tensor>, after: ReadonlyMap<string, Tensor>, tolerance: number): void {
  for (const [name, x] of before) {
    const y = after.get(name)!;
    expect(y.shape).toEqual(x.shape);
    const [a, b] = [Array.from(x.data, Number), Array.from(y.data, Number)];
    const largest = a.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const gap = a.reduce((max, value, i) => Math.max(max, Math.abs(value - b[i]!)), 0);
    expect(gap).toBeLessThanOrEqual(tolerance * largest);
  }
}

const f32 = (shape: readonly number[], values: readonly number[]): Tensor => ({
  dtype: 'f32',
  shape,
  data: Float32Array.from(values),
});

describe('the small SAM', () => {
  it('has an encoder of fused attentions only, and no movement in its blocks', () => {
    const before = load('encoder');
    const after = runPipeline(before, PASSES);
    const { attentions, loose } = findAttention(after);
    expect(loose).toEqual([]);
    expect(
      attentions.map(({ name, kind, heads, hasRelativePositions }) => [name, kind, heads, hasRelativePositions]),
    ).toEqual(
      ['window', 'window', 'self', 'window', 'window', 'self'].map((kind, i) => [`blocks.${i}/attn`, kind, 4, true]),
    );
    // One transpose to NHWC before the patches, one to NCHW at the end.
    expect(counts(after)).toEqual({
      transpose: 2,
      conv: 2,
      binary: 1,
      layer_norm: 14,
      linear: 37,
      reshape: 24,
      attention: 6,
    });
    expect(print(parse(print(after)))).toBe(print(after));
    const image = randomTensor('f32', [1, 3, 256, 256], 5);
    const inputs = new Map([['image', image]]);
    expectClose(evaluateGraph(before, inputs), evaluateGraph(after, inputs), 1e-4);
  });

  it('has a decoder of fused attentions only, with symbolic points', () => {
    const before = load('decoder');
    const after = runPipeline(before, PASSES);
    const { attentions, loose } = findAttention(after);
    expect(loose).toEqual([]);
    expect(attentions.map(({ name, kind }) => [name, kind])).toEqual([
      ['layers.0/self_attn', 'self'],
      ['layers.0/token_to_image', 'cross'],
      ['layers.0/image_to_token', 'cross'],
      ['layers.1/self_attn', 'self'],
      ['layers.1/token_to_image', 'cross'],
      ['layers.1/image_to_token', 'cross'],
      ['final', 'cross'],
    ]);
    for (const points of [1, 3]) {
      const inputs = new Map([
        ['image_embeddings', randomTensor('f32', [1, 128, 16, 16], 1)],
        [
          'point_coords',
          f32(
            [1, points, 2],
            Array.from({ length: 2 * points }, (_, i) => 20 + 31 * i),
          ),
        ],
        ['point_labels', f32([1, points], [1, 0, -1].slice(0, points))],
        ['mask_input', randomTensor('f32', [1, 1, 64, 64], 2)],
        ['has_mask_input', f32([1], [points === 1 ? 0 : 1])],
        ['orig_im_size', f32([2], [200, 256])],
      ]);
      expectClose(evaluateGraph(before, inputs), evaluateGraph(after, inputs), 1e-4);
    }
  });
});
