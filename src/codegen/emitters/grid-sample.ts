import type { ValueId } from '../../ir/graph.js';
import { product } from '../../ir/scalar.js';
import { UserError } from '../../user-error.js';
import type { Emitter } from '../emit-context.js';
import { int64sOf } from './strided.js';

const MODES = {
  linear: 'SQ_GRID_SAMPLE_LINEAR',
  nearest: 'SQ_GRID_SAMPLE_NEAREST',
  cubic: 'SQ_GRID_SAMPLE_CUBIC',
} as const;
const PADDINGS = {
  zeros: 'SQ_GRID_SAMPLE_ZEROS',
  border: 'SQ_GRID_SAMPLE_BORDER',
  reflection: 'SQ_GRID_SAMPLE_REFLECTION',
} as const;

export const emitGridSample: Emitter<'grid_sample'> = (node, context) => {
  const [x, grid] = node.operands as readonly [ValueId, ValueId];
  const [y] = node.results as readonly [ValueId];
  const { mode, padding, align_corners } = node.attrs;
  const { dtype, shape } = context.type(x);
  const coordinates = context.type(grid);
  const rank = shape.length - 2;
  if (rank > 3) throw new UserError('at most 3 spatial axes are supported');
  const macroArgs = [dtype, coordinates.dtype];
  const kernel = `sq_grid_sample_${macroArgs.join('_')}`;
  context.runGeneric('sq_grid_sample.h', 'SQ_DEFINE_GRID_SAMPLE', macroArgs, kernel, {
    x: context.pointer(x),
    grid: context.pointer(grid),
    y: context.pointer(y),
    batch: context.dim(shape[0]!),
    channels: context.dim(shape[1]!),
    points: context.dim(product(coordinates.shape.slice(1, -1))),
    rank: context.dim(rank),
    mode: MODES[mode],
    padding: PADDINGS[padding],
    align_corners: align_corners ? '1' : '0',
    in: int64sOf(context, shape.slice(2)),
  });
};
