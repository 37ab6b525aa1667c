import type { DType, Tensor } from '../../../src/ir/types.js';
import { type CaseList, FLOATS, INTEGERS, isFloating, NUMBERS, tensor } from './cases.js';

type Make = (dtype: DType, shape: readonly number[]) => Tensor;

export function reductionCases(list: CaseList, make: Make, random: () => number): void {
  const pick = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1));
  const functions = ['sum', 'mean', 'max', 'min', 'prod'] as const;
  for (const fn of functions) {
    const exact = fn === 'max' || fn === 'min';
    for (const dtype of NUMBERS) {
      const loose = isFloating(dtype) && !exact;
      const small = (shape: readonly number[]): Tensor =>
        fn === 'prod' && loose ? tensor(dtype, shape, () => 0.8 + random() * 0.4) : make(dtype, shape);
      list.add('reduce', [small([3, 35])], { fn, axes: [1], keepdims: false }, { loose });
      list.add('reduce', [small([7, 3])], { fn, axes: [0], keepdims: true }, { loose });
      list.add('reduce', [small([2, 3, 4, 5])], { fn, axes: [1, 3], keepdims: false }, { loose });
    }
    for (const axes of [[], [0], [2], [0, 1, 2], [0, 2], [1]])
      for (const shape of [
        [2, 3, 4],
        [1, 70, 1],
        [65, 2, 3],
      ]) {
        const loose = !exact;
        const x = tensor('f32', shape, () => 0.9 + random() * 0.2);
        list.add('reduce', [x], { fn, axes, keepdims: axes.length % 2 === 0 }, { loose });
        list.add('reduce', [make('i32', shape)], { fn, axes, keepdims: false });
      }
    if (!exact) list.add('reduce', [make('f32', [3, 0])], { fn, axes: [1], keepdims: false });
    list.add('reduce', [make('f32', [])], { fn, axes: [], keepdims: false });
  }
  list.add('reduce', [make('bool', [3, 4])], { fn: 'max', axes: [1], keepdims: false });
  list.add('reduce', [make('bool', [3, 4])], { fn: 'min', axes: [0], keepdims: false });
  list.add('reduce', [tensor('f32', [3], (i) => [1, Number.NaN, 2][i]!)], { fn: 'max', axes: [0], keepdims: false });

  for (const dtype of NUMBERS) {
    const x = (): Tensor => make(dtype, [3, 7, 4]);
    for (const fn of ['max', 'min'] as const)
      for (const select_last of [false, true])
        list.add('arg_reduce', [x()], { fn, axis: pick(0, 2), keepdims: select_last, select_last });
    // Whole numbers, so that float16 sums are exact.
    const whole = tensor(dtype, [2, 9, 3], (i) => (i * 5) % 7);
    for (const exclusive of [false, true])
      for (const reverse of [false, true]) list.add('cumsum', [whole], { axis: pick(0, 2), exclusive, reverse });
    for (const largest of [false, true]) {
      list.add('top_k', [x()], { axis: pick(0, 2), k: pick(1, 3), largest });
      list.add('top_k', [make(dtype, [40])], { axis: 0, k: 40, largest });
    }
  }
  list.add('top_k', [make('f32', [3, 4])], { axis: 1, k: 0, largest: true });
  const withNaN = tensor('f32', [2, 5], (i) => [3, Number.NaN, 1, Number.NaN, 2, 5, 4, 4, 9, 0][i]!);
  for (const largest of [false, true]) list.add('top_k', [withNaN], { axis: 1, k: 4, largest });

  for (const dtype of FLOATS)
    for (const log of [false, true])
      for (const axis of [0, 1, 2]) list.add('softmax', [make(dtype, [3, 5, 20])], { axis, log }, { loose: true });

  for (const dtype of FLOATS) {
    const loose = { loose: true };
    const attrs = { epsilon: 1e-5 };
    list.add('layer_norm', [make(dtype, [3, 37]), make(dtype, [37]), make(dtype, [37])], attrs, loose);
    list.add('layer_norm', [make(dtype, [2, 3, 5]), null, null], attrs, loose);
  }

  for (const dtype of [...FLOATS, ...INTEGERS])
    list.add('matmul', [make(dtype, [3, 5]), make(dtype, [5, 4])], {}, { loose: isFloating(dtype) });
  for (const [a, b] of [
    [
      [2, 3, 4],
      [4, 2],
    ],
    [
      [4, 3],
      [2, 5, 3, 2],
    ],
    [
      [2, 1, 3, 4],
      [5, 4, 66],
    ],
    [
      [0, 3],
      [3, 2],
    ],
    [
      [2, 0],
      [0, 3],
    ],
  ] as const)
    for (const dtype of ['f32', 'i32', 'f64'] as const)
      list.add('matmul', [make(dtype, a), make(dtype, b)], {}, { loose: isFloating(dtype) });

  const window = {
    strides: [2, 1],
    dilations: [1, 2],
    pads_before: [1, 0],
    pads_after: [0, 2],
    activation: 'none',
  } as const;
  for (const dtype of NUMBERS.filter((name) => name !== 'f32')) {
    const loose = { loose: isFloating(dtype) };
    const weights = [make(dtype, [6, 3, 2, 2]), make(dtype, [6])];
    list.add('conv', [make(dtype, [2, 5, 4, 4]), ...weights], { ...window, groups: 2 }, loose);
  }
  const whole = {
    strides: [1],
    dilations: [1],
    pads_before: [2],
    pads_after: [2],
    groups: 1,
    activation: 'none',
  } as const;
  list.add('conv', [make('i32', [1, 3, 2]), make('i32', [2, 2, 2]), null], whole);
}
