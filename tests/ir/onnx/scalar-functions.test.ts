import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { definitionOf } from '../../../src/ir/edit.js';
import {
  binaryScalar,
  castScalar,
  kindOf,
  type ScalarKind,
  selectScalar,
  unaryScalar,
} from '../../../src/ir/onnx/scalar-functions.js';
import { BINARY_FUNCTIONS, UNARY_FUNCTIONS } from '../../../src/ir/ops/elementwise.js';
import type { OpName } from '../../../src/ir/ops/index.js';
import {
  add,
  call,
  element,
  evaluateScalar,
  multiply,
  type Scalar,
  type SymbolBounds,
  symbol,
} from '../../../src/ir/scalar.js';
import type { DType, Tensor } from '../../../src/ir/types.js';

/** What is computed on scalars, simplified by bounds, is what the op computes on a tensor of their values. */

const bounds: SymbolBounds = { n: { min: 1, max: 12 }, m: { min: 2, max: 5 }, f: { min: 1, max: 64 } };
interface Run {
  readonly n: number;
  readonly m: number;
  readonly f: number;
}
const runs: fc.Arbitrary<Run> = fc.record({
  n: fc.integer({ min: 1, max: 12 }),
  m: fc.integer({ min: 2, max: 5 }),
  f: fc.integer({ min: 2, max: 128 }).map((x) => x / 2),
});
const valueOf = (scalar: Scalar, run: Run): number =>
  evaluateScalar(scalar, { symbol: (name) => run[name as 'n' | 'm'], element: () => run.f });

const integers: fc.Arbitrary<Scalar> = fc.letrec<{ scalar: Scalar }>((tie) => ({
  scalar: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Scalar>(symbol('n'), symbol('m')),
    fc.integer({ min: -6, max: 12 }),
    fc.tuple(tie('scalar'), tie('scalar')).map(([a, b]) => add(a, b)),
    fc.tuple(tie('scalar'), fc.integer({ min: -3, max: 4 })).map(([a, b]) => multiply(a, b)),
    fc.tuple(tie('scalar'), fc.integer({ min: 1, max: 4 })).map(([a, b]) => call('floor_div', a, b)),
    fc.tuple(tie('scalar'), tie('scalar')).map(([a, b]) => call('min', a, b)),
  ),
})).scalar;
const floats: fc.Arbitrary<Scalar> = fc.letrec<{ scalar: Scalar }>((tie) => ({
  scalar: fc.oneof(
    { maxDepth: 2 },
    fc.constant<Scalar>(element('f', 0, 'f32')),
    fc.integer({ min: -8, max: 20 }).map((x) => x / 4),
    integers.map((x) => call('to_f32', x)),
    fc.tuple(tie('scalar'), tie('scalar')).map(([a, b]) => call('mul_f32', a, b)),
    fc.tuple(tie('scalar'), tie('scalar')).map(([a, b]) => call('add_f32', a, b)),
  ),
})).scalar;
const booleans: fc.Arbitrary<Scalar> = fc.oneof(
  fc.integer({ min: 0, max: 1 }),
  fc.tuple(integers, integers).map(([a, b]) => call('less', a, b)),
);
const SCALARS: { readonly [K in ScalarKind]: fc.Arbitrary<Scalar> } = { int: integers, f32: floats, bool: booleans };
const DTYPE: { readonly [K in ScalarKind]: DType } = { int: 'i64', f32: 'f32', bool: 'bool' };

const tensorOf = (kind: ScalarKind, value: number): Tensor => {
  const MAKE: { readonly [K in ScalarKind]: () => Tensor } = {
    int: () => ({ dtype: 'i64', shape: [], data: BigInt64Array.of(BigInt(value)) }),
    f32: () => ({ dtype: 'f32', shape: [], data: Float32Array.of(value) }),
    bool: () => ({ dtype: 'bool', shape: [], data: Uint8Array.of(value) }),
  };
  return MAKE[kind]();
};

function onTensors(op: OpName, attrs: object, operands: readonly Tensor[], dtype: DType): number {
  const definition = definitionOf(op);
  const [result] = definition.evaluate(operands, attrs as never, { types: [{ dtype, shape: [] }], value: Number });
  return Number(result?.data[0]);
}

const KINDS: readonly ScalarKind[] = ['int', 'f32', 'bool'];
const supported = <T>(fns: readonly T[], works: (fn: T, kind: ScalarKind) => boolean): readonly [T, ScalarKind][] =>
  fns.flatMap((fn) => KINDS.filter((kind) => works(fn, kind)).map((kind): [T, ScalarKind] => [fn, kind]));
const [sampleA, sampleB] = [symbol('n'), symbol('m')];

describe('scalar functions', () => {
  it.each(supported(UNARY_FUNCTIONS, (fn, kind) => unaryScalar(fn, kind, sampleA, bounds) !== undefined))(
    '%s of %s',
    (fn, kind) => {
      fc.assert(
        fc.property(SCALARS[kind], runs, (x, run) => {
          const value = valueOf(x, run);
          fc.pre(!(fn === 'sqrt' && value < 0));
          const scalar = unaryScalar(fn, kind, x, bounds);
          const expected = onTensors('unary', { fn }, [tensorOf(kind, value)], DTYPE[kind]);
          expect(scalar === undefined ? scalar : valueOf(scalar, run) + 0).toEqual(expected + 0);
        }),
      );
    },
  );

  const comparisons = ['equal', 'less', 'less_equal'];
  it.each(supported(BINARY_FUNCTIONS, (fn, kind) => binaryScalar(fn, kind, sampleA, sampleB, bounds) !== undefined))(
    '%s of %s',
    (fn, kind) => {
      fc.assert(
        fc.property(SCALARS[kind], SCALARS[kind], runs, (a, b, run) => {
          const [x, y] = [valueOf(a, run), valueOf(b, run)];
          fc.pre(!((fn === 'div' || fn === 'mod') && y === 0));
          const scalar = binaryScalar(fn, kind, a, b, bounds);
          if (scalar === undefined) return;
          const dtype = comparisons.includes(fn) ? 'bool' : DTYPE[kind];
          const expected = onTensors('binary', { fn }, [tensorOf(kind, x), tensorOf(kind, y)], dtype);
          expect(valueOf(scalar, run) + 0).toEqual(expected + 0);
        }),
      );
    },
  );

  it.each(KINDS.flatMap((from) => KINDS.map((to) => [from, to] as const)))('a cast of %s to %s', (from, to) => {
    fc.assert(
      fc.property(SCALARS[from], runs, (x, run) => {
        const expected = onTensors('cast', { to: DTYPE[to] }, [tensorOf(from, valueOf(x, run))], DTYPE[to]);
        expect(valueOf(castScalar(from, to, x, bounds), run) + 0).toEqual(expected + 0);
      }),
    );
  });

  it.each(KINDS)('a choice of %s', (kind) => {
    fc.assert(
      fc.property(booleans, SCALARS[kind], SCALARS[kind], runs, (condition, a, b, run) => {
        const scalar = selectScalar(kind, condition, a, b);
        if (scalar === undefined) return;
        expect(valueOf(scalar, run) + 0).toEqual((valueOf(condition, run) ? valueOf(a, run) : valueOf(b, run)) + 0);
      }),
    );
  });

  it('exist for the types of shape arithmetic', () => {
    expect(['i64', 'i32', 'f32', 'bool', 'f64', 'f16', 'u8'].map((dtype) => kindOf(dtype as DType))).toEqual([
      'int',
      'int',
      'f32',
      'bool',
      undefined,
      undefined,
      undefined,
    ]);
  });
});
