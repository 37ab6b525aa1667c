import { attr, defineOp, operand, requireType, TypeMismatch } from '../op.js';
import { FLOAT_TYPES, requireDType, requireEqual, requireRank, showShape } from './check.js';
import { pending } from './pending.js';

export const grid_sample = defineOp({
  summary:
    'x [b, c, spatial…], grid [b, out…, r] → [b, c, out…]: x at the points of the grid, whose r coordinates are in [−1, 1], last axis first. ONNX GridSample.',
  operands: [operand('x'), operand('grid')],
  attrs: {
    mode: attr.enum('linear', 'nearest', 'cubic'),
    padding: attr.enum('zeros', 'border', 'reflection'),
    align_corners: attr.bool,
  },
  infer: (types, _, context) => {
    const x = requireType(types, 0, 'x');
    const grid = requireType(types, 1, 'grid');
    requireDType(x, 'x', FLOAT_TYPES);
    requireDType(grid, 'grid', FLOAT_TYPES);
    const rank = x.shape.length - 2;
    if (rank < 1) throw new TypeMismatch(`x: expected [b, c, spatial…], found shape ${showShape(x.shape)}`);
    requireRank(grid, 'grid', rank + 2);
    requireEqual(x.shape[0]!, grid.shape[0]!, 'batch of grid', context);
    requireEqual(rank, grid.shape.at(-1)!, 'coordinates of grid, one for each spatial axis', context);
    return [{ dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...grid.shape.slice(1, -1)] }];
  },
  evaluate: pending,
});
