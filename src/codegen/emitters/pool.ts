import type { ValueId } from '../../ir/graph.js';
import { type Dim, product } from '../../ir/scalar.js';
import { UserError } from '../../user-error.js';
import type { EmitContext, Emitter } from '../emit-context.js';
import { int64sOf } from './strided.js';

/** Kernels have three spatial axes; fewer get leading ones. */
const SPATIAL = 3;

function spatialFields(
  context: EmitContext,
  x: ValueId,
  y: ValueId,
  window: Readonly<Record<string, readonly number[]>>,
): Readonly<Record<string, string>> {
  const { shape } = context.type(x);
  if (shape.length - 2 > SPATIAL) throw new UserError(`at most ${SPATIAL} spatial axes are supported`);
  const padded = (dims: readonly Dim[], fill: number): string =>
    int64sOf(context, [...new Array<number>(SPATIAL - dims.length).fill(fill), ...dims]);
  return {
    x: context.pointer(x),
    y: context.pointer(y),
    planes: context.dim(product(shape.slice(0, 2))),
    in: padded(shape.slice(2), 1),
    out: padded(context.type(y).shape.slice(2), 1),
    ...Object.fromEntries(
      Object.entries(window).map(([name, values]) => [name, padded(values, name.startsWith('pads') ? 0 : 1)]),
    ),
  };
}

export const emitMaxPool: Emitter<'max_pool'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const [y, indices = null] = node.results as readonly [ValueId, ValueId?];
  const { kernel, strides, dilations, pads_before, column_major } = node.attrs;
  const { dtype } = context.type(x);
  context.runGeneric('sq_max_pool.h', 'SQ_DEFINE_MAX_POOL', [dtype], `sq_max_pool_${dtype}`, {
    ...spatialFields(context, x, y, { kernel, strides, dilations, pads: pads_before }),
    indices: context.pointer(indices),
    column_major: column_major ? '1' : '0',
  });
};

export const emitAveragePool: Emitter<'average_pool'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const [y] = node.results as readonly [ValueId];
  const { kernel, strides, pads_before, pads_after, count_include_pad } = node.attrs;
  const { dtype } = context.type(x);
  context.runGeneric('sq_average_pool.h', 'SQ_DEFINE_AVERAGE_POOL', [dtype], `sq_average_pool_${dtype}`, {
    ...spatialFields(context, x, y, { kernel, strides, pads_before, pads_after }),
    count_include_pad: count_include_pad ? '1' : '0',
  });
};
