import { describe, expect, it } from 'vitest';
import { editGraph, emptyGraph } from '../../src/ir/edit.js';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import type { Graph, ValueId } from '../../src/ir/graph.js';
import { element, symbol } from '../../src/ir/scalar.js';
import type { Tensor } from '../../src/ir/types.js';
import { counting, tensor } from './ops/run-op.js';

const n = symbol('n');

/** y = x [n, 2] + 1, sliced from element `start` of input `at`; z = x. */
function build(): Graph {
  const editor = editGraph(emptyGraph('test', { n: { min: 1, max: 4 }, at: { min: 0, max: 1 } }));
  const x = editor.input('x', { dtype: 'f32', shape: [n, 2] });
  editor.input('at', { dtype: 'i64', shape: [1] });
  const one = editor.addTensor(tensor('f32', [], [1]), 'one');
  const more = editor.emitOne('binary', [x, one], { fn: 'add' }, { source: 'Add_0' });
  const attrs = { starts: [0, element('at', 0, 'int')], sizes: [n, 1], steps: [1, 1] };
  editor.output('y', editor.emitOne('slice', [more], attrs, { source: 'Slice_1' }));
  editor.output('z', x);
  return editor.finish();
}

const inputs = (x: Tensor, at = 1): ReadonlyMap<string, Tensor> =>
  new Map([
    ['x', x],
    ['at', tensor('i64', [1], [at])],
  ]);

describe('evaluateGraph', () => {
  it('binds symbols to shapes and elements to data', () => {
    const results = evaluateGraph(build(), inputs(counting('f32', [3, 2])));
    expect(results.get('y')).toEqual(tensor('f32', [3, 1], [2, 4, 6]));
    expect(results.get('z')).toEqual(counting('f32', [3, 2]));
  });

  it('shows every node with its results', () => {
    const seen: [string, number][] = [];
    evaluateGraph(build(), inputs(counting('f32', [2, 2])), {
      observe: ({ source }, [result]) => seen.push([source, Number(result?.data[0])]),
    });
    expect(seen).toEqual([
      ['Add_0', 1],
      ['Slice_1', 2],
    ]);
  });

  it('names the input that does not fit', () => {
    const graph = build();
    const x = counting('f32', [2, 2]);
    expect(() => evaluateGraph(graph, new Map([['x', x]]))).toThrow('input at: expected i64[1], found none');
    expect(() => evaluateGraph(graph, inputs(counting('f64', [2, 2])))).toThrow(
      'input x: expected f32[n, 2], found f64[2,2]',
    );
    expect(() => evaluateGraph(graph, inputs(counting('f32', [2, 3])))).toThrow(
      'input x, axis 1: expected 2 = 2, found 3',
    );
    expect(() => evaluateGraph(graph, inputs(counting('f32', [5, 2])))).toThrow(
      'input x, axis 0: n must be 1 to 4, found 5',
    );
    expect(() => evaluateGraph(graph, inputs(x, 7))).toThrow('input at, element 0: must be 0 to 1, found 7');
  });

  it('reads a constant where an input says', () => {
    const editor = editGraph(emptyGraph('test', { at: { min: 0, max: 2 } }));
    editor.input('at', { dtype: 'i64', shape: [1] });
    const table = editor.addTensor(counting('f32', [3]), 'table');
    const starts = [element('at', 0, 'int')];
    editor.output('y', editor.emitOne('slice', [table], { starts, sizes: [1], steps: [1] }));
    const results = evaluateGraph(editor.finish(), new Map([['at', tensor('i64', [1], [2])]]));
    expect(results.get('y')).toEqual(tensor('f32', [1], [2]));
  });

  it('names the node that fails', () => {
    const editor = editGraph(emptyGraph('test', {}));
    const [x, i] = [editor.input('x', { dtype: 'f32', shape: [3] }), editor.input('i', { dtype: 'i64', shape: [1] })];
    editor.output('y', editor.emitOne('gather', [x, i], { axis: 0 }, { source: 'Gather_5' }));
    const run = (): unknown =>
      evaluateGraph(
        editor.finish(),
        new Map([
          ['x', counting('f32', [3])],
          ['i', tensor('i64', [1], [3])],
        ]),
      );
    expect(run).toThrow(/^gather \(Gather_5\): indices: .* found 3$/);
  });

  it('loads a constant once for several reads, and lets go of what is dead', () => {
    const editor = editGraph(emptyGraph('test', {}));
    let loads = 0;
    const weight = editor.addConstant({ dtype: 'f32', shape: [2] }, 'w', () => {
      loads++;
      return tensor('f32', [2], [1, 2]);
    });
    const x = editor.input('x', { dtype: 'f32', shape: [2] });
    const chain = [1, 2, 3].reduce<ValueId>((y) => editor.emitOne('binary', [y, weight], { fn: 'add' }), x);
    editor.output('y', chain);
    expect(evaluateGraph(editor.finish(), new Map([['x', counting('f32', [2])]])).get('y')).toEqual(
      tensor('f32', [2], [3, 7]),
    );
    expect(loads).toBe(1);
  });
});
