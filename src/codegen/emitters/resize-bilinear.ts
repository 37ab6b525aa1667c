import type { NodeOf, ValueId } from '../../ir/graph.js';
import { call, type Dim, product, type Scalar, scalarsEqual, subtract } from '../../ir/scalar.js';
import type { EmitContext, Emitter } from '../emit-context.js';
import { emitResizeGeneric } from './resize.js';

type Coordinates = NodeOf<'resize'>['attrs']['coordinates'];

/** Coordinate of a result along an axis: (o + shift) · scale + offset. Undefined: not of this form. */
const SHIFTS: Readonly<Record<Coordinates, { readonly shift: number; readonly offset: number } | undefined>> = {
  half_pixel: { shift: 0.5, offset: -0.5 },
  asymmetric: { shift: 0, offset: 0 },
  align_corners: { shift: 0, offset: 0 },
  // Differs from half_pixel where a result has one element.
  pytorch_half_pixel: undefined,
  half_pixel_symmetric: undefined,
  tf_crop_and_resize: undefined,
};

/** Distance of two neighbouring results in elements of x, as a float32. */
function scaleOf(coordinates: Coordinates, from: Dim, to: Dim, given: number | undefined): Scalar {
  const ratio = (a: Scalar, b: Scalar): Scalar => call('div_f32', call('to_f32', a), call('to_f32', b));
  if (coordinates === 'align_corners' && given !== undefined && typeof from === 'number') {
    // The size that was asked for, which need not be whole.
    const length = given * from;
    return length === 1 ? 0 : Math.fround((from - 1) / (length - 1));
  }
  if (coordinates === 'align_corners')
    return to === 1 ? 0 : call('select', call('equal', to, 1), 0, ratio(subtract(from, 1), subtract(to, 1)));
  return given === undefined ? ratio(from, to) : Math.fround(1 / given);
}

interface SpatialAxis {
  readonly from: Dim;
  readonly to: Dim;
  readonly scale: number | undefined;
  readonly coordinates: Coordinates;
}

/** The fields of the bilinear kernel for an axis. */
function spatial(
  context: EmitContext,
  suffix: 'h' | 'w',
  { from, to, scale, coordinates }: SpatialAxis,
): Record<string, string> {
  const same = scalarsEqual(from, to) && (scale ?? 1) === 1;
  const { shift, offset } = (same ? undefined : SHIFTS[coordinates]) ?? { shift: 0, offset: 0 };
  return {
    [`in_${suffix}`]: context.dim(from),
    [`out_${suffix}`]: context.dim(to),
    [`scale_${suffix}`]: same ? '1.0f' : context.scalar(scaleOf(coordinates, from, to, scale), 'f32'),
    [`shift_${suffix}`]: context.floatLiteral(shift),
    [`offset_${suffix}`]: context.floatLiteral(offset),
  };
}

/** Bilinear resizing of two neighbouring axes of a float32 tensor has a kernel of its own; the rest is generic. */
export const emitResize: Emitter<'resize'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const [y] = node.results as readonly [ValueId];
  const { mode, coordinates, antialias, scales } = node.attrs;
  const { dtype, shape } = context.type(x);
  const sizes = context.type(y).shape;
  const shifts = SHIFTS[coordinates];
  const resized = shape.flatMap((dim, axis) =>
    scalarsEqual(dim, sizes[axis]!) && (scales?.[axis] ?? 1) === 1 ? [] : [axis],
  );
  const fractional =
    coordinates === 'align_corners' && resized.some((axis) => scales && typeof shape[axis] !== 'number');
  const apart = resized.length === 0 || resized.length > 2 || resized.at(-1)! - resized[0]! > 1;
  if (dtype !== 'f32' || mode !== 'linear' || antialias || shifts === undefined || apart || fractional) {
    emitResizeGeneric(node, context);
    return;
  }
  const last = resized.at(-1)!;
  const height = resized.length === 2 ? resized[0]! : last - 1;
  const along = (axis: number, suffix: 'h' | 'w'): Record<string, string> => {
    const [from, to] = axis < 0 ? [1, 1] : [shape[axis]!, sizes[axis]!];
    return spatial(context, suffix, { from, to, scale: scales?.[axis], coordinates });
  };
  const inner = product(shape.slice(last + 1));
  context.run(
    'sq_resize_bilinear_f32',
    {
      x: context.pointer(x),
      y: context.pointer(y),
      outer: context.dim(product(shape.slice(0, Math.max(0, height)))),
      inner: context.dim(inner),
      ...along(height, 'h'),
      ...along(last, 'w'),
    },
    // sq_resize_bilinear_f32_scratch_bytes
    { scratchBytes: typeof inner === 'number' && inner !== 1 ? 0 : 16 * context.maxDim(sizes[last]!) },
  );
};

export const emitResizeTwice: Emitter<'resize_twice'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const [y] = node.results as readonly [ValueId];
  const { coordinates, first_scales, between, scales, sizes } = node.attrs;
  const { shape } = context.type(x);
  const last = shape.length - 1;
  const stage = (
    name: 'first' | 'second',
    from: readonly Dim[],
    to: readonly Dim[],
    given: readonly number[] | undefined,
  ): Record<string, string> => {
    const along = (axis: number, suffix: 'h' | 'w'): Record<string, string> =>
      spatial(context, suffix, { from: from[axis]!, to: to[axis]!, scale: given?.[axis], coordinates });
    const fields = {
      outer: context.dim(product(shape.slice(0, -2))),
      inner: '1',
      ...along(last - 1, 'h'),
      ...along(last, 'w'),
    };
    return Object.fromEntries(Object.entries(fields).map(([key, value]) => [`${name}.${key}`, value]));
  };
  context.run(
    'sq_resize_twice_f32',
    {
      'first.x': context.pointer(x),
      ...stage('first', shape, between, first_scales),
      'second.y': context.pointer(y),
      ...stage('second', between, sizes, scales),
    },
    // sq_resize_twice_f32_scratch_bytes
    { scratchBytes: 20 * context.maxDim(between[last]!) + 16 * context.maxDim(sizes[last]!) },
  );
};
