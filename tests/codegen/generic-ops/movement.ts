import { DTYPES, type DType, elementCount, type Tensor } from '../../../src/ir/types.js';
import { type CaseList, NUMBERS, tensor } from './cases.js';

type Make = (dtype: DType, shape: readonly number[]) => Tensor;

export function movementCases(list: CaseList, make: Make, random: () => number): void {
  const pick = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1));
  const indices = (dtype: DType, shape: readonly number[], size: number): Tensor =>
    tensor(dtype, shape, () => pick(-size, size - 1));

  for (const dtype of DTYPES) {
    list.add('transpose', [make(dtype, [3, 4, 5])], { perm: [2, 0, 1] });
    list.add('expand', [make(dtype, [3, 1])], { shape: [2, 3, 4] });
    list.add('concat', [make(dtype, [2, 3]), make(dtype, [2, 1]), make(dtype, [2, 0])], { axis: 1 });
    list.add('slice', [make(dtype, [5, 6])], { starts: [4, 1], sizes: [3, 2], steps: [-2, 3] });
    list.add('pad', [make(dtype, [2, 3]), make(dtype, [])], { mode: 'constant', before: [1, 0], after: [0, 2] });
    list.add('gather', [make(dtype, [4, 3]), indices('i64', [2, 2], 4)], { axis: 0 });
    if (dtype !== 'bool') list.add('iota', [], { size: 11, dtype });
  }
  for (const perm of [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [0, 2, 1, 3],
    [0, 3, 1, 2],
    [0, 2, 3, 1],
    [2, 3, 0, 1],
  ])
    for (const shape of [
      [2, 3, 4, 5],
      [1, 7, 1, 40],
      [3, 0, 2, 2],
      [2, 33, 6, 9],
    ])
      list.add('transpose', [make('f32', shape)], { perm });
  list.add('transpose', [make('f32', [])], { perm: [] });
  // Depth to space: the last axes are short, and listed.
  for (const dtype of DTYPES) list.add('transpose', [make(dtype, [3, 5, 2, 2, 4])], { perm: [4, 0, 2, 1, 3] });
  list.add('transpose', [make('f32', [2, 9, 70, 3, 2])], { perm: [1, 0, 4, 2, 3] });

  for (let i = 0; i < 24; i++) {
    const rank = pick(0, 4);
    const shape = Array.from({ length: rank }, () => pick(1, 5));
    const steps = shape.map(() => [1, 1, 2, -1, -2][pick(0, 4)]!);
    const sizes = shape.map((dim, axis) => pick(0, Math.ceil(dim / Math.abs(steps[axis]!))));
    const starts = shape.map((dim, axis) => {
      const extent = Math.max(0, sizes[axis]! - 1) * Math.abs(steps[axis]!);
      const first = pick(0, dim - 1 - extent);
      return steps[axis]! > 0 ? first : first + extent;
    });
    list.add('slice', [make('i32', shape)], { starts, sizes, steps });
    const pads = (): number[] => shape.map(() => pick(-1, 3));
    const [before, after] = [pads(), pads()];
    if (shape.every((dim, axis) => dim + before[axis]! + after[axis]! >= 0)) {
      list.add('pad', [make('f32', shape), null], { mode: 'constant', before, after });
      for (const mode of ['edge', 'reflect', 'wrap'] as const)
        list.add('pad', [make('i16', shape), null], { mode, before, after });
    }
    if (rank === 0) continue;
    const axis = pick(0, rank - 1);
    const index = i % 2 ? 'i32' : 'i64';
    list.add('gather', [make('f64', shape), indices(index, [pick(0, 3), 2], shape[axis]!)], { axis });
    list.add('gather', [make('u8', shape), indices(index, [], shape[axis]!)], { axis });
    const smaller = shape.map((dim, at) => (at === axis ? pick(0, 6) : pick(1, dim)));
    const chosen = indices(index, smaller, shape[axis]!);
    list.add('gather_elements', [make('f32', shape), chosen], { axis });
    for (const reduction of ['none', 'add', 'mul', 'max', 'min'] as const) {
      const dtype = NUMBERS.filter((type) => type !== 'f16' && type !== 'bf16')[pick(0, 9)]!;
      list.add('scatter_elements', [make(dtype, shape), chosen, make(dtype, smaller)], { axis, reduction });
      const k = pick(1, rank);
      const count = [pick(0, 3), pick(1, 3)];
      const tuples = tensor(index, [...count, k], (at) => {
        const size = shape[at % k]!;
        return pick(-size, size - 1);
      });
      const updates = make(dtype, [...count, ...shape.slice(k)]);
      list.add('scatter_nd', [make(dtype, shape), tuples, updates], { reduction });
      list.add('gather_nd', [make(dtype, shape), tuples], { batch_dims: 0 });
    }
  }
  const batched = tensor('i64', [2, 3, 2], (i) => (i * 7) % 4);
  list.add('gather_nd', [make('f32', [2, 4, 4, 3]), batched], { batch_dims: 1 });
  list.add('gather_nd', [make('bool', [2, 3, 5]), tensor('i32', [2, 3, 1], (i) => i % 5)], { batch_dims: 2 });
  for (const dtype of DTYPES) list.add('scalars', [], { values: [3, 1, 0, 2.5, 300, -7], shape: [2, 3], dtype });
  list.add('reshape', [make('f32', [2, 6])], { shape: [3, 4] });
  list.add('pad', [make('f32', [4]), tensor('f32', [1], () => elementCount([5]))], {
    mode: 'constant',
    before: [2],
    after: [-1],
  });
}
