import type { AttrsFor } from '../../../src/ir/edit.js';
import type { DType, Tensor } from '../../../src/ir/types.js';
import { type CaseList, FLOATS, INTEGERS, NUMBERS } from './cases.js';

type Make = (dtype: DType, shape: readonly number[]) => Tensor;

const RESIZE: AttrsFor<'resize'> = {
  mode: 'linear',
  coordinates: 'half_pixel',
  nearest: 'round_prefer_floor',
  cubic_a: -0.75,
  exclude_outside: false,
  extrapolation: 0.25,
  antialias: false,
  sizes: [],
};

export function samplingCases(list: CaseList, make: Make, random: () => number): void {
  const pick = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1));
  const modes = ['nearest', 'linear', 'cubic'] as const;
  const loose = { loose: true };
  for (const coordinates of [
    'half_pixel',
    'half_pixel_symmetric',
    'pytorch_half_pixel',
    'align_corners',
    'asymmetric',
    'tf_crop_and_resize',
  ] as const)
    for (const mode of modes)
      for (const exclude_outside of [false, true]) {
        const shape = [pick(1, 2), pick(1, 3), pick(2, 6), pick(2, 6)];
        const sizes = [shape[0]!, shape[1]!, pick(1, 9), pick(1, 9)];
        const roi = coordinates === 'tf_crop_and_resize' ? [0, 0, 0.1, 0.2, 1, 1, 0.7, 1.3] : undefined;
        const attrs = { ...RESIZE, mode, coordinates, exclude_outside, sizes, ...(roi && { roi }) };
        const results = mode === 'nearest' ? { loose: false } : loose;
        list.add('resize', [make('f32', shape)], attrs, results);
        list.add('resize', [make('f64', shape)], { ...attrs, antialias: true, cubic_a: -0.5 }, results);
      }
  for (const nearest of ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'] as const)
    for (const sizes of [
      [4, 10],
      [8, 3],
      [5, 5],
    ])
      list.add('resize', [make('f32', [4, 5])], { ...RESIZE, mode: 'nearest', nearest, sizes });
  for (const dtype of NUMBERS) list.add('resize', [make(dtype, [3, 4])], { ...RESIZE, mode: 'nearest', sizes: [6, 7] });
  for (const dtype of FLOATS) list.add('resize', [make(dtype, [3, 4, 5])], { ...RESIZE, sizes: [5, 4, 2] }, loose);
  list.add(
    'resize',
    [make('f32', [2, 5])],
    { ...RESIZE, scales: [1, 0.7], sizes: [2, 3], coordinates: 'align_corners' },
    loose,
  );
  list.add('resize', [make('f32', [2, 3, 150])], { ...RESIZE, mode: 'cubic', sizes: [2, 5, 140] }, loose);

  for (const dtype of FLOATS)
    for (const align_corners of [false, true])
      for (const padding of ['zeros', 'border', 'reflection'] as const)
        for (const mode of modes) {
          const grid = make(dtype === 'f64' ? 'f64' : 'f32', [2, 4, 3, 2]);
          list.add('grid_sample', [make(dtype, [2, 3, 5, 4]), grid], { mode, padding, align_corners }, loose);
        }
  list.add(
    'grid_sample',
    [make('f32', [1, 2, 7]), make('f32', [1, 5, 1])],
    { mode: 'linear', padding: 'zeros', align_corners: false },
    loose,
  );
  list.add(
    'grid_sample',
    [make('f32', [1, 2, 3, 4, 2]), make('f32', [1, 2, 2, 3, 3])],
    { mode: 'linear', padding: 'border', align_corners: true },
    loose,
  );

  for (let i = 0; i < 24; i++) {
    const rank = 1 + (i % 3);
    const each = (from: number, to: number): number[] => Array.from({ length: rank }, () => pick(from, to));
    const kernel = each(1, 3);
    const pads_before = kernel.map((size) => pick(0, size - 1));
    const pads_after = kernel.map((size) => pick(0, size - 1));
    const spatial = each(6, 9);
    const shape = [pick(1, 2), pick(1, 3), ...spatial];
    const window = { kernel, strides: each(1, 3), pads_before, pads_after, ceil: i % 2 === 0 };
    const dtype = [...FLOATS.slice(0, 3), ...INTEGERS][i % 11]!;
    list.add('max_pool', [make(dtype, shape)], {
      ...window,
      dilations: each(1, 2),
      indices: i % 4 < 2,
      column_major: i % 4 === 1,
    });
    const floats = FLOATS[i % 4]!;
    list.add('average_pool', [make(floats, shape)], { ...window, count_include_pad: i % 3 === 0 }, loose);
  }
}
