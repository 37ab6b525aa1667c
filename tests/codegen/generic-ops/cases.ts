import type { AttrsFor } from '../../../src/ir/edit.js';
import { roundToBf16, roundToF16 } from '../../../src/ir/half.js';
import type { OpName } from '../../../src/ir/ops/index.js';
import { allocate, type DType, elementCount, type Tensor } from '../../../src/ir/types.js';

/** An op on given operands. `loose` results may differ by the rounding of sums and of float64 functions. */
export interface Case {
  readonly name: string;
  readonly op: OpName;
  readonly operands: readonly (Tensor | null)[];
  readonly attrs: unknown;
  readonly loose: boolean;
}

export interface CaseList {
  readonly cases: readonly Case[];
  add<K extends OpName>(
    op: K,
    operands: readonly (Tensor | null)[],
    attrs: AttrsFor<K>,
    options?: { loose?: boolean },
  ): void;
}

export function createCases(): CaseList {
  const cases: Case[] = [];
  return {
    cases,
    add: (op, operands, attrs, { loose = false } = {}) => {
      const types = operands.map((tensor) => (tensor ? `${tensor.dtype}[${tensor.shape}]` : 'none')).join(' ');
      cases.push({ name: `${cases.length} ${op} ${JSON.stringify(attrs)} ${types}`, op, operands, attrs, loose });
    },
  };
}

/** Random numbers in [0, 1), the same each time (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const ROUND: { readonly [D in DType]?: (x: number) => number } = {
  f32: Math.fround,
  f16: roundToF16,
  bf16: roundToBf16,
};

export function tensor(dtype: DType, shape: readonly number[], value: (i: number) => number): Tensor {
  const data = allocate(dtype, elementCount(shape));
  for (let i = 0; i < data.length; i++) {
    const x = value(i);
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(Math.trunc(x));
    else data[i] = (ROUND[dtype] ?? Number)(x);
  }
  return { dtype, shape, data };
}

export const FLOATS: readonly DType[] = ['f32', 'f64', 'f16', 'bf16'];
export const INTEGERS: readonly DType[] = ['i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'i64', 'u64'];
export const NUMBERS: readonly DType[] = [...FLOATS, ...INTEGERS];
export const isFloating = (dtype: DType): boolean => FLOATS.includes(dtype);
const isUnsigned = (dtype: DType): boolean => dtype.startsWith('u') || dtype === 'bool';

/** Random tensors: floats in (−3, 3), integers in −9 … 9 or 0 … 18, bools. */
export function createTensors(random: () => number): (dtype: DType, shape: readonly number[]) => Tensor {
  return (dtype, shape) =>
    tensor(dtype, shape, () => {
      if (dtype === 'bool') return Math.floor(random() * 2);
      if (isFloating(dtype)) return random() * 6 - 3;
      return Math.floor(random() * 19) - (isUnsigned(dtype) ? 0 : 9);
    });
}
