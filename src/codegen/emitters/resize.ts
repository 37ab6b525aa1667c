import type { NodeOf, ValueId } from '../../ir/graph.js';
import { type Dim, multiply, scalarsEqual } from '../../ir/scalar.js';
import type { EmitContext, Emitter } from '../emit-context.js';
import { doublesOf, int64sOf } from './strided.js';

const MODES = { nearest: 'SQ_RESIZE_NEAREST', linear: 'SQ_RESIZE_LINEAR', cubic: 'SQ_RESIZE_CUBIC' } as const;
const COORDINATES = {
  half_pixel: 'SQ_RESIZE_HALF_PIXEL',
  half_pixel_symmetric: 'SQ_RESIZE_HALF_PIXEL_SYMMETRIC',
  pytorch_half_pixel: 'SQ_RESIZE_PYTORCH_HALF_PIXEL',
  align_corners: 'SQ_RESIZE_ALIGN_CORNERS',
  asymmetric: 'SQ_RESIZE_ASYMMETRIC',
  tf_crop_and_resize: 'SQ_RESIZE_TF_CROP_AND_RESIZE',
} as const;
const ROUNDINGS = {
  round_prefer_floor: 'SQ_RESIZE_ROUND_PREFER_FLOOR',
  round_prefer_ceil: 'SQ_RESIZE_ROUND_PREFER_CEIL',
  floor: 'SQ_RESIZE_FLOOR',
  ceil: 'SQ_RESIZE_CEIL',
} as const;

interface Axis {
  readonly in: Dim;
  readonly out: Dim;
  /** Copied as it is: the coordinate of result o is o. */
  readonly identity: boolean;
  readonly scale: number | undefined;
  readonly roi: readonly [number, number];
}

/** The axes of a resize; adjacent ones that are only copied are joined. */
function axesOf(node: NodeOf<'resize'>, shape: readonly Dim[]): readonly Axis[] {
  const { sizes, scales, roi, coordinates } = node.attrs;
  const axes: Axis[] = [];
  shape.forEach((size, i) => {
    const out = sizes[i]!;
    const scale = scales?.[i];
    const region = [roi?.[i] ?? 0, roi?.[shape.length + i] ?? 1] as const;
    const cropped = coordinates === 'tf_crop_and_resize' && (region[0] !== 0 || region[1] !== 1);
    const identity = scalarsEqual(size, out) && (scale ?? 1) === 1 && !cropped;
    const before = axes.at(-1);
    if (identity && before?.identity)
      axes[axes.length - 1] = { ...before, in: multiply(before.in, size), out: multiply(before.out, out) };
    else axes.push({ in: size, out, identity, scale, roi: region });
  });
  return axes.length > 0 ? axes : [{ in: 1, out: 1, identity: true, scale: 1, roi: [0, 1] }];
}

/** ONNX Resize of any type over any axes; bilinear float32 has a kernel of its own. */
export const emitResizeGeneric: Emitter<'resize'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const [y] = node.results as readonly [ValueId];
  const { mode, coordinates, nearest, cubic_a, exclude_outside, extrapolation, antialias } = node.attrs;
  const { dtype, shape } = context.type(x);
  const axes = axesOf(node, shape);
  const double = (value: number): string => context.floatLiteral(value, 'f64');
  context.runGeneric('sq_resize.h', 'SQ_DEFINE_RESIZE', [dtype], `sq_resize_${dtype}`, {
    x: context.pointer(x),
    y: context.pointer(y),
    rank: context.dim(axes.length),
    mode: MODES[mode],
    coordinates: COORDINATES[coordinates],
    nearest: ROUNDINGS[nearest],
    exclude_outside: exclude_outside ? '1' : '0',
    antialias: antialias ? '1' : '0',
    cubic_a: double(cubic_a),
    extrapolation: double(extrapolation),
    in: int64sOf(
      context,
      axes.map((axis) => axis.in),
    ),
    out: int64sOf(
      context,
      axes.map((axis) => axis.out),
    ),
    identity: context.int64s(axes.map((axis) => (axis.identity ? 1 : 0))),
    scales: doublesOf(axes.map((axis) => scaleOf(context, axis))),
    lengths: doublesOf(axes.map((axis) => lengthOf(context, axis))),
    roi: doublesOf([...axes.map((axis) => double(axis.roi[0])), ...axes.map((axis) => double(axis.roi[1]))]),
  });
};

/** Result size over size, as a double. */
function scaleOf(context: EmitContext, axis: Axis): string {
  if (axis.scale !== undefined) return context.floatLiteral(axis.scale, 'f64');
  if (typeof axis.in === 'number' && typeof axis.out === 'number' && axis.in > 0)
    return context.floatLiteral(axis.out / axis.in, 'f64');
  return `(double)${context.dim(axis.out)} / (double)${context.dim(axis.in)}`;
}

/** The size of the result before it was rounded to a whole number. */
function lengthOf(context: EmitContext, axis: Axis): string {
  if (axis.scale === undefined) return `(double)${context.dim(axis.out)}`;
  if (typeof axis.in === 'number') return context.floatLiteral(axis.scale * axis.in, 'f64');
  return `${context.floatLiteral(axis.scale, 'f64')} * (double)${context.dim(axis.in)}`;
}
