import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Editor, editGraph, emptyGraph } from '../../src/ir/edit.js';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import type { Graph, ValueId } from '../../src/ir/graph.js';
import { type Dim, multiply, product, scalarsEqual, symbol } from '../../src/ir/scalar.js';
import { verify } from '../../src/ir/verify.js';
import { simplifyMovement } from '../../src/passes/simplify-movement.js';
import { planView, traceView } from '../../src/passes/view.js';

type Step = { readonly kind: 'transpose'; readonly seed: number } | { readonly kind: 'regroup'; readonly seed: number };

const permutation = (rank: number, seed: number): number[] => {
  const axes = Array.from({ length: rank }, (_, i) => i);
  return axes
    .map((axis) => [(axis * 7919 + seed * 104729) % 101, axis] as const)
    .sort(([a], [b]) => a - b)
    .map(([, axis]) => axis);
};

/** Another shape of the same count: two neighbours merged, or one axis cut, or one of size 1 added. */
function regrouped(shape: readonly Dim[], seed: number): readonly Dim[] {
  const at = seed % shape.length;
  const dim = shape[at]!;
  if (seed % 3 === 0 && at + 1 < shape.length)
    return [...shape.slice(0, at), multiply(dim, shape[at + 1]!), ...shape.slice(at + 2)];
  if (seed % 3 === 1 && typeof dim === 'number' && dim % 2 === 0)
    return [...shape.slice(0, at), 2, dim / 2, ...shape.slice(at + 1)];
  return [...shape.slice(0, at), 1, ...shape.slice(at)];
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({ kind: fc.constantFrom('transpose' as const, 'regroup' as const), seed: fc.nat(50) }),
  { minLength: 1, maxLength: 8 },
);
const N = 3;

function chain(dims: readonly Dim[], moves: readonly Step[]): Graph {
  const editor: Editor = editGraph(emptyGraph('chain', { n: { min: 1, max: N } }));
  let x: ValueId = editor.input('x', { dtype: 'i32', shape: dims });
  for (const { kind, seed } of moves) {
    const { shape } = editor.type(x);
    x =
      kind === 'transpose'
        ? editor.emitOne('transpose', [x], { perm: permutation(shape.length, seed) })
        : editor.emitOne('reshape', [x], { shape: regrouped(shape, seed) });
  }
  editor.output('y', x);
  return editor.finish();
}

const run = (graph: Graph, dims: readonly Dim[]): unknown => {
  const shape = dims.map((dim) => (typeof dim === 'number' ? dim : N));
  const data = Int32Array.from({ length: product(shape) as number }, (_, i) => i);
  return evaluateGraph(graph, new Map([['x', { dtype: 'i32', shape, data }]])).get('y');
};

const dims = fc.array(fc.constantFrom<Dim>(1, 2, 3, 4, 6, symbol('n')), { minLength: 1, maxLength: 4 });

describe('views of reshapes and transposes', () => {
  it('keep every element where the chain puts it, in no more steps', () => {
    fc.assert(
      fc.property(dims, steps, (shape, moves) => {
        const before = chain(shape, moves);
        const after = simplifyMovement.run(before);
        verify(after);
        expect(after.nodes.length).toBeLessThanOrEqual(before.nodes.length);
        expect(run(after, shape)).toEqual(run(before, shape));
      }),
      { numRuns: 300 },
    );
  });

  it('need at most one transpose where the whole chain composes', () => {
    fc.assert(
      fc.property(dims, steps, (shape, moves) => {
        const editor = editGraph(chain(shape, moves));
        const result = editor.nodes().at(-1)!.results[0]!;
        const { base, view } = traceView(editor, result);
        const plan = planView(editor.type(base).shape, view, editor.type(result).shape);
        expect(plan.filter(({ op }) => op === 'transpose').length).toBeLessThanOrEqual(1);
        expect(plan.length).toBeLessThanOrEqual(3);
        const size = product(view.flat().map((digit) => digit.size));
        expect(scalarsEqual(size, product(editor.type(base).shape))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
