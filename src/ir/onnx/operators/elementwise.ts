import type { BinaryFunction, UnaryFunction } from '../../ops/elementwise.js';
import type { DType } from '../../types.js';
import type { OnnxValue } from '../onnx-value.js';
import { dtypeOf, type NodeImport, type Operator } from '../operator.js';
import { dtypeOfCode } from '../read-tensor.js';

/** Operators of one IR op or a few, element by element: arithmetic, comparison, logic, choice, conversion. */

const unary = (fn: UnaryFunction, since = 1): Operator => ({
  since,
  into: ['unary'],
  import: (n) => n.emit('unary', [n.input(0)], { fn }),
});

/** Binary operators broadcast as numpy does since opset 7. */
const binary = (fn: BinaryFunction, since = 7): Operator => ({
  since,
  into: ['binary'],
  import: (n) => n.emit('binary', [n.input(0), n.input(1)], { fn }),
});

/** a > b is b < a. */
const swapped = (fn: BinaryFunction, since = 7): Operator => ({
  since,
  into: ['binary'],
  import: (n) => n.emit('binary', [n.input(1), n.input(0)], { fn }),
});

const variadic = (fn: BinaryFunction): Operator => ({
  since: 8,
  into: ['binary'],
  import: (n) => foldInputs(n, fn),
});

function foldInputs(n: NodeImport, fn: BinaryFunction): OnnxValue {
  const [first, ...others] = n.inputs();
  return others.reduce((a, b) => n.emit('binary', [a, b], { fn }), first ?? n.input(0));
}

const bound = (n: NodeImport, index: number, attribute: string, dtype: DType): OnnxValue | undefined => {
  if (n.opset >= 11) return n.optional(index);
  return n.hasAttribute(attribute) ? n.number(dtype, n.float(attribute)) : undefined;
};

const NO_NUMBERS = 'strings, complex numbers, 8-bit and 4-bit floats, 4-bit integers that are computed at run time';

const identity: Operator = { since: 1, into: [], import: (n) => n.input(0) };

export const elementwise: Readonly<Record<string, Operator>> = {
  Abs: unary('abs', 6),
  Neg: unary('neg', 6),
  Exp: unary('exp', 6),
  Log: unary('log', 6),
  Sqrt: unary('sqrt', 6),
  Sin: unary('sin', 7),
  Cos: unary('cos', 7),
  Tan: unary('tan', 7),
  Asin: unary('asin', 7),
  Acos: unary('acos', 7),
  Atan: unary('atan', 7),
  Sinh: unary('sinh', 9),
  Cosh: unary('cosh', 9),
  Tanh: unary('tanh', 6),
  Erf: unary('erf', 9),
  Sigmoid: unary('sigmoid', 6),
  Floor: unary('floor', 6),
  Ceil: unary('ceil', 6),
  Round: unary('round', 11),
  Sign: unary('sign', 9),
  Not: unary('not'),
  Relu: unary('relu', 6),
  IsNaN: unary('is_nan', 9),
  IsInf: {
    since: 10,
    into: ['unary', 'binary'],
    refuses: 'detecting neither sign',
    import: (n) => {
      const [positive, negative] = [n.int('detect_positive', 1) !== 0, n.int('detect_negative', 1) !== 0];
      if (!positive && !negative) n.fail('detects neither sign');
      const x = n.input(0);
      const infinite = n.emit('unary', [x], { fn: 'is_inf' });
      if (positive && negative) return infinite;
      const zero = n.number(dtypeOf(x), 0);
      const sign = n.emit('binary', positive ? [zero, x] : [x, zero], { fn: 'less' });
      return n.emit('binary', [infinite, sign], { fn: 'and' });
    },
  },
  Reciprocal: {
    since: 6,
    into: ['binary'],
    import: (n) => n.emit('binary', [n.number(dtypeOf(n.input(0)), 1), n.input(0)], { fn: 'div' }),
  },

  Add: binary('add'),
  Sub: binary('sub'),
  Mul: binary('mul'),
  Div: binary('div'),
  Pow: binary('pow'),
  Mod: {
    since: 10,
    into: ['binary'],
    import: (n) => n.emit('binary', [n.input(0), n.input(1)], { fn: n.int('fmod', 0) === 0 ? 'mod' : 'fmod' }),
  },
  And: binary('and'),
  Or: binary('or'),
  Xor: binary('xor'),
  Equal: binary('equal'),
  Less: binary('less'),
  LessOrEqual: binary('less_equal', 12),
  Greater: swapped('less'),
  GreaterOrEqual: swapped('less_equal', 12),

  Max: variadic('max'),
  Min: variadic('min'),
  Sum: variadic('add'),
  Mean: {
    since: 8,
    into: ['binary'],
    import: (n) => {
      const sum = foldInputs(n, 'add');
      return n.inputCount === 1 ? sum : n.emit('binary', [sum, n.number(dtypeOf(sum), n.inputCount)], { fn: 'div' });
    },
  },

  Where: { since: 9, into: ['select'], import: (n) => n.emit('select', [n.input(0), n.input(1), n.input(2)], {}) },
  /** min(max(x, low), high): where the bounds cross, the upper one wins. */
  Clip: {
    since: 6,
    into: ['binary'],
    import: (n) => {
      const x = n.input(0);
      const [low, high] = [bound(n, 1, 'min', dtypeOf(x)), bound(n, 2, 'max', dtypeOf(x))];
      const raised = low ? n.emit('binary', [x, low], { fn: 'max' }) : x;
      return high ? n.emit('binary', [raised, high], { fn: 'min' }) : raised;
    },
  },
  Cast: {
    since: 6,
    into: ['cast'],
    refuses: NO_NUMBERS,
    import: (n) => {
      const to = dtypeOfCode(n.int('to'), n.fail);
      return to === dtypeOf(n.input(0)) ? n.input(0) : n.emit('cast', [n.input(0)], { to });
    },
  },
  CastLike: {
    since: 15,
    into: ['cast'],
    refuses: NO_NUMBERS,
    import: (n) => n.emit('cast', [n.input(0)], { to: dtypeOf(n.input(1)) }),
  },

  Identity: identity,
  /** Nothing is dropped when a network is only run. */
  Dropout: {
    since: 1,
    into: ['expand'],
    refuses: '`training_mode`',
    import: (n) => {
      const training = n.optional(2) ? n.numbers(2, 'training_mode') : [0];
      if (training.some((flag) => flag !== 0)) n.fail('training mode is not supported');
      const x = n.input(0);
      if (!n.hasOutput(1)) return x;
      const truth = n.constant({ dtype: 'bool', shape: [], data: Uint8Array.of(1) });
      return [x, n.emit('expand', [truth], { shape: x.type.shape })];
    },
  },
};
