import { attr, defineOp, TypeMismatch } from '../op.js';
import { elementCount } from '../types.js';
import { NUMERIC_TYPES, requireAtLeast, requireDims, requireDType } from './check.js';
import { elementsOf, isBig, roundStored, zeros } from './elements.js';
import { fromFloat } from './elementwise-functions.js';

export const iota = defineOp({
  summary: '→ [size]: 0, 1, … size − 1.',
  operands: [],
  attrs: { size: attr.dim, dtype: attr.dtype },
  infer: (_, { size, dtype }, context) => {
    const type = { dtype, shape: [size] };
    requireDType(type, 'dtype', NUMERIC_TYPES);
    requireDims([size], 'size', context);
    return [type];
  },
  evaluate: (_, { dtype }, { types: [type] }) => {
    const result = zeros(dtype, type!.shape);
    const to = elementsOf(result.data);
    for (let i = 0; i < to.length; i++) to[i] = isBig(dtype) ? BigInt(i) : i;
    return [roundStored(result)];
  },
});

export const scalars = defineOp({
  summary: 'A small tensor whose elements are scalar expressions, row-major.',
  operands: [],
  attrs: { values: attr.scalars, shape: attr.ints, dtype: attr.dtype },
  infer: (_, { values, shape, dtype }) => {
    requireAtLeast(shape, 'shape', 0);
    if (values.length !== elementCount(shape))
      throw new TypeMismatch(`values: expected ${elementCount(shape)} for shape [${shape}], found ${values.length}`);
    return [{ dtype, shape }];
  },
  evaluate: (_, { values, dtype, shape }, { value }) => {
    const result = zeros(dtype, shape);
    const to = elementsOf(result.data);
    values.forEach((scalar, i) => {
      to[i] = fromFloat(value(scalar), dtype);
    });
    return [result];
  },
});
