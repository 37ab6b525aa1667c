import type { AttrsFor } from '../../edit.js';
import { call, isStatic, multiply, type Scalar } from '../../scalar.js';
import type { OnnxValue } from '../onnx-value.js';
import { type NodeImport, type Operator, range, rankOf, resolveAxis } from '../operator.js';

/** Resize and GridSample. */

type Attrs = AttrsFor<'resize'>;

const MODES: Readonly<Record<string, Attrs['mode']>> = { nearest: 'nearest', linear: 'linear', cubic: 'cubic' };
const COORDINATES: readonly Attrs['coordinates'][] = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'tf_crop_and_resize',
];
const ROUNDINGS: readonly Attrs['nearest'][] = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'];

function oneOf<T extends string>(n: NodeImport, name: string, known: readonly T[], fallback: T): T {
  const given = n.string(name, fallback);
  return known.find((value) => value === given) ?? n.fail(`${name} is '${given}'`);
}

/** Values for some axes, spread over all of them. */
const spread = <T>(rank: number, axes: readonly number[], values: readonly T[], rest: (axis: number) => T): T[] =>
  range(rank).map((axis) => {
    const at = axes.indexOf(axis);
    const value = at < 0 ? undefined : values[at];
    return value === undefined ? rest(axis) : value;
  });

interface Target {
  readonly sizes: readonly Scalar[];
  readonly scales: readonly number[] | undefined;
}

/** ⌊size·scale⌋ in float32, as the operator defines it. */
function scaled(dim: Scalar, scale: number): Scalar {
  if (typeof dim === 'number') return Math.floor(Math.fround(dim * scale));
  if (Number.isInteger(scale)) return multiply(dim, scale);
  return call('to_int', call('floor_f32', call('mul_f32', call('to_f32', dim), scale)));
}

function target(n: NodeImport, x: OnnxValue, axes: readonly number[]): Target {
  const { shape } = x.type;
  const scalesAt = n.opset >= 11 ? 2 : 1;
  const present = (index: number): boolean => n.optional(index)?.type.shape[0] !== 0 && n.optional(index) !== undefined;
  if (n.opset >= 11 && present(3)) {
    const sizes = n.scalars(3, 'sizes');
    if (sizes.length !== axes.length) n.fail(`${sizes.length} sizes for ${axes.length} axes`);
    return keepAspect(n, x, axes, sizes);
  }
  if (!present(scalesAt)) return n.fail('has neither scales nor sizes');
  const values = n.numbers(scalesAt, 'scales');
  if (values.length !== axes.length) n.fail(`${values.length} scales for ${axes.length} axes`);
  const scales = spread(shape.length, axes, values, () => 1);
  return { sizes: shape.map((dim, axis) => scaled(dim, scales[axis] ?? 1)), scales };
}

/** `keep_aspect_ratio_policy` (opset 18): one scale for all axes, rounding halves up. */
function keepAspect(n: NodeImport, x: OnnxValue, axes: readonly number[], sizes: readonly Scalar[]): Target {
  const { shape } = x.type;
  const policy = n.string('keep_aspect_ratio_policy', 'stretch');
  const all = spread(shape.length, axes, sizes, (axis) => shape[axis] ?? 1);
  if (policy === 'stretch') return { sizes: all, scales: undefined };
  if (policy !== 'not_larger' && policy !== 'not_smaller') n.fail(`keep_aspect_ratio_policy is '${policy}'`);
  const dims = axes.map((axis) => shape[axis] ?? 1);
  if (!isStatic(dims) || !isStatic(sizes)) return n.fail(`keep_aspect_ratio_policy ${policy} needs known sizes`);
  const ratios = sizes.map((size, i) => Math.fround(size / (dims[i] ?? 1)));
  const scale = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  const scales = spread(
    shape.length,
    axes,
    axes.map(() => scale),
    () => 1,
  );
  const known: readonly number[] = dims;
  const rounded = known.map((dim) => Math.floor(Math.fround(scale * dim) + 0.5));
  return { sizes: spread(shape.length, axes, rounded, (axis) => shape[axis] ?? 1), scales };
}

function resize(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const rank = rankOf(x);
  const axes = n.ints('axes')?.map((axis) => resolveAxis(n, axis, rank)) ?? range(rank);
  const { sizes, scales } = target(n, x, axes);
  const mode = MODES[n.string('mode', 'nearest')] ?? n.fail(`mode is '${n.string('mode')}'`);
  // Version 10 has one way to count: asymmetric, rounding down.
  const old = n.opset < 11;
  const coordinates = oneOf(n, 'coordinate_transformation_mode', COORDINATES, old ? 'asymmetric' : 'half_pixel');
  const crop = coordinates === 'tf_crop_and_resize' ? n.numbers(1, 'roi') : undefined;
  if (crop && crop.length !== 2 * axes.length) n.fail(`${crop.length} values of roi for ${axes.length} axes`);
  const roi = crop && [
    ...spread(rank, axes, crop.slice(0, axes.length), () => 0),
    ...spread(rank, axes, crop.slice(axes.length), () => 1),
  ];
  return n.emit('resize', [x], {
    mode,
    coordinates,
    nearest: oneOf(n, 'nearest_mode', ROUNDINGS, old ? 'floor' : 'round_prefer_floor'),
    cubic_a: n.float('cubic_coeff_a', -0.75),
    exclude_outside: n.int('exclude_outside', 0) !== 0,
    extrapolation: n.float('extrapolation_value', 0),
    antialias: n.int('antialias', 0) !== 0,
    scales,
    sizes,
    roi,
  });
}

/** Names of the modes before and since opset 20. */
const GRID_MODES: Readonly<Record<string, AttrsFor<'grid_sample'>['mode']>> = {
  bilinear: 'linear',
  linear: 'linear',
  nearest: 'nearest',
  bicubic: 'cubic',
  cubic: 'cubic',
};

function gridSample(n: NodeImport): OnnxValue {
  const mode = n.string('mode', 'linear');
  return n.emit('grid_sample', [n.input(0), n.input(1)], {
    mode: GRID_MODES[mode] ?? n.fail(`mode is '${mode}'`),
    padding: oneOf(n, 'padding_mode', ['zeros', 'border', 'reflection'] as const, 'zeros'),
    align_corners: n.int('align_corners', 0) !== 0,
  });
}

export const resampling: Readonly<Record<string, Operator>> = {
  Resize: {
    since: 10,
    into: ['resize'],
    refuses: 'scales and `roi` computed at run time; `keep_aspect_ratio_policy` with symbolic sizes',
    import: resize,
  },
  GridSample: { since: 16, into: ['grid_sample'], import: gridSample },
};
