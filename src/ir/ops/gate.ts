import { defineOp, operand, requireTensor, requireType, TypeMismatch } from '../op.js';
import { F32_TYPE, requireDType } from './check.js';

export const gate = defineOp({
  summary:
    'x · flag, f32, flag of one element; +0 everywhere where flag is 0, whatever x holds: what only x is made of need not be computed then',
  operands: [operand('x'), operand('flag')],
  attrs: {},
  infer: (types) => {
    const [x, flag] = [requireType(types, 0, 'x'), requireType(types, 1, 'flag')];
    requireDType(x, 'x', F32_TYPE);
    requireDType(flag, 'flag', F32_TYPE);
    if (!flag.shape.every((dim) => dim === 1)) throw new TypeMismatch('gate: flag must have one element');
    return [{ dtype: 'f32', shape: x.shape }];
  },
  evaluate: (operands) => {
    const x = requireTensor(operands, 0);
    const flag = (requireTensor(operands, 1).data as Float32Array)[0]!;
    const data = (x.data as Float32Array).map((value) => (flag === 0 ? 0 : value * flag));
    return [{ dtype: 'f32', shape: x.shape, data }];
  },
});
