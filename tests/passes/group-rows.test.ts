import { describe, expect, it } from 'vitest';
import { type Editor, editGraph, emptyGraph } from '../../src/ir/edit.js';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import type { Graph, ValueId } from '../../src/ir/graph.js';
import { symbol } from '../../src/ir/scalar.js';
import { randomTensor } from '../../src/ir/text/parse.js';
import { verify } from '../../src/ir/verify.js';
import { groupRows } from '../../src/passes/group-rows.js';

const ROWS = 2000;
const QUANT = { scale: 0.05, zeroPoint: 120, bits: 8 } as const;

const editor = (): Editor => editGraph(emptyGraph('test', { n: { min: 1, max: 8 } }));
const random = (g: Editor, shape: readonly number[], seed: number): ValueId =>
  g.addTensor(randomTensor('f32', shape, seed), '');

/** Codes of x times weights, in float32. */
function product(g: Editor, x: ValueId, k: number, n: number): ValueId {
  const codes = g.emitOne('quantize', [x], { quant: QUANT });
  const weight = {
    dtype: 'i8',
    shape: [n, k],
    data: Int8Array.from({ length: n * k }, (_, i) => (i % 17) - 8),
  } as const;
  const operands = [
    codes,
    g.addTensor(weight, ''),
    g.addTensor({ dtype: 'i32', shape: [n], data: new Int32Array(n) }, ''),
    g.addTensor({ dtype: 'f32', shape: [n], data: new Float32Array(n).fill(0.01) }, ''),
    null,
  ];
  return g.emitOne('integer_linear', operands, { activation: 'none', weight_bits: 8 });
}

const described = (graph: Graph): readonly string[] => {
  const { graph: scheduled, groups } = groupRows(graph);
  verify(scheduled);
  const inputs = new Map(
    graph.inputs.map((id, i) => {
      const { name, type } = graph.values.get(id)!;
      return [name, randomTensor(type.dtype, type.shape as readonly number[], i + 1)];
    }),
  );
  if ([...graph.values.values()].every(({ type }) => type.shape.every((dim) => typeof dim === 'number')))
    expect(evaluateGraph(scheduled, inputs)).toEqual(evaluateGraph(graph, inputs));
  return groups.map(({ first, last, rows, local }) => {
    const ops = scheduled.nodes.slice(first, last + 1).map(({ op }) => op);
    return `${rows}: ${ops.join(' ')}, ${local.size} local`;
  });
};

describe('group-rows', () => {
  it('takes rows through products and norms, and what reads them along', () => {
    const g = editor();
    const x = g.input('x', { dtype: 'f32', shape: [1, ROWS, 64] });
    const y = product(g, x, 64, 48);
    const apart = g.emitOne('unary', [x], { fn: 'sin' });
    const attrs = { epsilon: 1e-6, quant: QUANT, also_float: true };
    const [codes, floats] = g.emit('layer_norm_quantize', [y, random(g, [48], 1), random(g, [48], 2)], attrs);
    const sum = g.emitOne('binary', [floats!, random(g, [48], 3)], { fn: 'add' });
    g.output('codes', codes!);
    g.output('sum', sum);
    g.output('apart', apart);
    expect(described(g.finish())).toEqual(['2000: quantize integer_linear layer_norm_quantize binary, 3 local']);
  });

  it('cuts views that have several rows for one, and channels that come first', () => {
    const g = editor();
    const x = g.input('x', { dtype: 'f32', shape: [1, 64, 40, 50] });
    const last = g.emitOne('transpose', [x], { perm: [0, 2, 3, 1] });
    const y = product(g, last, 64, 128);
    const four = g.emitOne('reshape', [y], { shape: [ROWS * 4, 32] });
    g.output('y', g.emitOne('matmul', [four, random(g, [32, 4], 1)], {}));
    expect(described(g.finish())).toEqual(['2000: transpose quantize integer_linear reshape matmul, 3 local']);
  });

  it('leaves what one node reads of all rows, symbolic rows and small tensors', () => {
    const g = editor();
    const x = g.input('x', { dtype: 'f32', shape: [256, 512] });
    const y = g.emitOne('quantize', [g.emitOne('gelu', [x], { approximation: 'none' })], { quant: QUANT });
    const square = g.input('square', { dtype: 'f32', shape: [300, 300] });
    const gelu = g.emitOne('gelu', [square], { approximation: 'none' });
    g.output('whole', g.emitOne('matmul', [square, gelu], {}));
    const some = g.input('some', { dtype: 'f32', shape: [symbol('n'), 1000, 64] });
    g.output('some', product(g, g.emitOne('gelu', [some], { approximation: 'none' }), 64, 64));
    const few = g.input('few', { dtype: 'f32', shape: [20, 64] });
    g.output('few', product(g, g.emitOne('gelu', [few], { approximation: 'none' }), 64, 64));
    g.output('y', y);
    expect(described(g.finish())).toEqual(['256: gelu quantize, 1 local']);
  });

  it('keeps values that are read elsewhere, and does not wait for what is made later', () => {
    const g = editor();
    const x = g.input('x', { dtype: 'f32', shape: [ROWS, 64] });
    const y = g.emitOne('gelu', [x], { approximation: 'none' });
    const late = g.emitOne('reduce', [y], { fn: 'max', axes: [0], keepdims: false });
    g.output('codes', g.emitOne('quantize', [y], { quant: QUANT }));
    g.output('sum', g.emitOne('binary', [y, late], { fn: 'add' }));
    expect(described(g.finish())).toEqual(['2000: gelu quantize, 0 local']);
  });
});
