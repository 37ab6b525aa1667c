import fc from 'fast-check';
import { type Editor, editGraph, emptyGraph } from '../../src/ir/edit.js';
import type { Graph, ValueId } from '../../src/ir/graph.js';
import { add, call, type Dim, multiply, symbol } from '../../src/ir/scalar.js';
import { allocate, elementCount, type Tensor } from '../../src/ir/types.js';

const filled = (shape: readonly number[], value: (i: number) => number): Tensor => {
  const data = allocate('f32', elementCount(shape));
  data.forEach((_, i) => {
    data[i] = value(i);
  });
  return { dtype: 'f32', shape, data };
};

type Step = (editor: Editor, x: ValueId, pick: number, label: string) => ValueId;

/** One value in, one of the same rank out; `pick` decides the details. */
const STEPS: readonly Step[] = [
  (e, x, pick) => e.emitOne('unary', [x], { fn: pick % 2 ? 'abs' : 'tanh' }),
  (e, x, pick, label) =>
    e.emitOne(
      'binary',
      [
        x,
        e.addTensor(
          filled([], () => pick / 3),
          label,
        ),
      ],
      { fn: pick % 2 ? 'mul' : 'add' },
    ),
  (e, x, pick, label) => {
    const last = e.type(x).shape.at(-1);
    if (typeof last !== 'number') return x;
    const weight = e.addTensor(
      filled([last, last], (i) => Math.fround(Math.sin(i + pick))),
      label,
    );
    return e.emitOne('linear', [x, weight, null], { activation: pick % 2 ? 'relu' : 'none' }, { source: label });
  },
  (e, x, pick) => {
    const rank = e.type(x).shape.length;
    return e.emitOne('transpose', [x], { perm: Array.from({ length: rank }, (_, i) => (i + pick) % rank) });
  },
  (e, x, _, label) => e.emitOne('softmax', [x], { axis: 0, log: false }, { names: [label] }),
  (e, x, pick, label) => {
    const { shape } = e.type(x);
    if (typeof shape[0] !== 'number' || shape[0] < 1) return x;
    return e.emit('top_k', [x], { axis: 0, k: shape[0], largest: pick % 2 === 0 }, { names: [label, `${label}!`] })[0]!;
  },
  (e, x, pick) => e.emitOne('concat', [x, x], { axis: pick % e.type(x).shape.length }),
];

const dim = (name: string): fc.Arbitrary<Dim> =>
  fc.oneof(
    fc.integer({ min: 1, max: 6 }),
    fc.constant(symbol(name)),
    fc.integer({ min: 1, max: 4 }).map((k) => add(multiply(k, symbol(name)), k)),
    fc.integer({ min: 2, max: 4 }).map((k) => call('floor_div', add(symbol(name), k), 2)),
  );

/** Small programs of a few ops over an input with symbolic dimensions and awkward names. */
export const randomGraph: fc.Arbitrary<Graph> = fc
  .record({
    name: fc.string({ unit: 'binary', maxLength: 8 }),
    symbolName: fc.oneof(
      fc.constant('num_points'),
      fc.string({ minLength: 1, maxLength: 5 }),
      fc.constant('floor_div'),
    ),
    label: fc.string({ unit: 'binary', maxLength: 6 }),
    steps: fc.array(fc.tuple(fc.nat(STEPS.length - 1), fc.nat(5)), { maxLength: 8 }),
  })
  .filter(({ symbolName }) => symbolName !== '__proto__')
  .chain((shape) =>
    fc.record({ ...constants(shape), dims: fc.array(dim(shape.symbolName), { minLength: 1, maxLength: 4 }) }),
  )
  .map(({ name, symbolName, label, steps, dims }) => {
    const editor = editGraph(emptyGraph(name, { [symbolName]: { min: 1, max: 7 } }));
    let x = editor.input(`in ${label}`, { dtype: 'f32', shape: dims });
    for (const [step, pick] of steps) x = STEPS[step]!(editor, x, pick, label);
    editor.output(`out ${label}`, x);
    return editor.finish();
  });

const constants = <T extends object>(record: T): { [K in keyof T]: fc.Arbitrary<T[K]> } =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, fc.constant(value)])) as never;
