import { BINARY_FUNCTIONS, UNARY_FUNCTIONS } from '../../../src/ir/ops/elementwise.js';
import { DTYPES, type DType, type Tensor } from '../../../src/ir/types.js';
import { type CaseList, FLOATS, INTEGERS, isFloating, NUMBERS, tensor } from './cases.js';

type Make = (dtype: DType, shape: readonly number[]) => Tensor;

/** Functions whose C goes through float64 series of its own. */
const BY_DOUBLE: readonly string[] = ['tan', 'asin', 'acos', 'atan', 'sinh', 'cosh'];
const SPECIAL = [0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 100, -100, 65504, 1e-7, 3e38, Infinity, -Infinity, NaN];
const ENDS: { readonly [D in DType]?: readonly number[] } = {
  i8: [-128, 127],
  u8: [0, 255],
  i16: [-32768, 32767],
  u16: [0, 65535],
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  i64: [-(2 ** 63), 2 ** 62],
  u64: [0, 2 ** 63],
};

/** Random elements with what is special about the type among them. */
function extremes(make: Make, dtype: DType): Tensor {
  const special = isFloating(dtype) ? SPECIAL : (ENDS[dtype] ?? []);
  const base = make(dtype, [2 * SPECIAL.length]);
  return tensor(dtype, base.shape, (i) => special[i] ?? Number(base.data[i]));
}

export function elementwiseCases(list: CaseList, make: Make, random: () => number): void {
  for (const fn of UNARY_FUNCTIONS) {
    if (fn === 'not') {
      list.add('unary', [make('bool', [7])], { fn });
      continue;
    }
    const ofIntegers = ['abs', 'neg', 'sign', 'relu'].includes(fn);
    // sin and cos of large arguments have no meaning in float32.
    const operand = (dtype: DType): Tensor =>
      ['sin', 'cos', 'tan'].includes(fn) ? make(dtype, [31]) : extremes(make, dtype);
    for (const dtype of FLOATS)
      list.add('unary', [operand(dtype)], { fn }, { loose: dtype === 'f64' || BY_DOUBLE.includes(fn) });
    if (ofIntegers) for (const dtype of INTEGERS) list.add('unary', [operand(dtype)], { fn });
  }
  for (const fn of BINARY_FUNCTIONS) {
    const logic = fn === 'and' || fn === 'or' || fn === 'xor';
    const dtypes: readonly DType[] = logic ? ['bool'] : fn === 'equal' ? DTYPES : NUMBERS;
    for (const dtype of dtypes) {
      const operand = (): Tensor => {
        if (dtype === 'bool') return make('bool', [34]);
        const x = extremes(make, dtype);
        const order = Array.from(x.data, Number).sort(() => random() - 0.5);
        return tensor(dtype, x.shape, (i) => order[i]!);
      };
      const loose = fn === 'pow' && isFloating(dtype);
      if (fn === 'pow')
        list.add('binary', [make(dtype, [40]), make(dtype, [40])], { fn }, { loose: isFloating(dtype) });
      else list.add('binary', [operand(), operand()], { fn }, { loose });
    }
  }
  const shapes: readonly (readonly [readonly number[], readonly number[]])[] = [
    [[], []],
    [[2, 3, 4], [4]],
    [
      [2, 3, 4],
      [3, 1],
    ],
    [
      [3, 1],
      [2, 3, 4],
    ],
    [
      [2, 1, 4, 1],
      [3, 1, 5],
    ],
    [[5], [1]],
    [[0, 3], [3]],
    [
      [2, 3],
      [2, 3],
    ],
    [
      [1, 2, 1, 2, 1, 2, 1, 2, 3],
      [2, 1, 2, 1, 2, 1, 2, 1, 1],
    ],
  ];
  for (const [a, b] of shapes) {
    list.add('binary', [make('f32', a), make('f32', b)], { fn: 'sub' });
    list.add('binary', [make('i64', a), make('i64', b)], { fn: 'less' });
    list.add('select', [make('bool', a), make('f32', b), make('f32', a)], {});
    list.add('select', [make('bool', b), make('i8', a), make('i8', [])], {});
  }
  for (const [a, b] of [
    ['f32', 'i64'],
    ['f32', 'u64'],
    ['i32', 'f32'],
    ['i64', 'i32'],
    ['f16', 'i32'],
    ['u8', 'i8'],
  ] as const)
    list.add('binary', [make(a, [3, 5]), make(b, [5])], { fn: 'pow' }, { loose: isFloating(a) });
  for (const flag of [0, -0, 1, -2.5, Number.NaN]) {
    const x = make('f32', [3, 1500]);
    list.add('gate', [x, { dtype: 'f32', shape: [1], data: Float32Array.of(flag) }], {});
  }
  for (const from of DTYPES)
    for (const to of DTYPES) list.add('cast', [from === 'bool' ? make(from, [9]) : extremes(make, from)], { to });
  for (const dtype of FLOATS)
    for (const approximation of ['none', 'tanh'] as const)
      list.add('gelu', [make(dtype, [33])], { approximation }, { loose: dtype === 'f64' });
}
