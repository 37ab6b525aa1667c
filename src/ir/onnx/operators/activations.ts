import type { BinaryFunction, UnaryFunction } from '../../ops/elementwise.js';
import type { OpName } from '../../ops/index.js';
import type { OnnxValue } from '../onnx-value.js';
import { dtypeOf, type NodeImport, type Operator } from '../operator.js';

/** Activation functions, written out in the IR's elementwise ops. GELU by Erf stays as the model has it; a pass finds it. */

interface Calculator {
  readonly x: OnnxValue;
  num(value: number): OnnxValue;
  un(fn: UnaryFunction, a: OnnxValue): OnnxValue;
  bin(fn: BinaryFunction, a: OnnxValue, b: OnnxValue): OnnxValue;
  /** x < 0 ? negative : positive */
  bySign(negative: OnnxValue, positive: OnnxValue): OnnxValue;
}

function calculator(n: NodeImport): Calculator {
  const x = n.input(0);
  const num = (value: number): OnnxValue => n.number(dtypeOf(x), value);
  const bin: Calculator['bin'] = (fn, a, b) => n.emit('binary', [a, b], { fn });
  return {
    x,
    num,
    un: (fn, a) => n.emit('unary', [a], { fn }),
    bin,
    bySign: (negative, positive) => n.emit('select', [bin('less', x, num(0)), negative, positive], {}),
  };
}

const activation = (
  since: number,
  into: readonly OpName[],
  compute: (c: Calculator, n: NodeImport) => OnnxValue,
): Operator => ({
  since,
  into,
  import: (n) => compute(calculator(n), n),
});

/** min(max(αx + β, 0), 1) */
const hardSigmoid = ({ x, num, bin }: Calculator, alpha: number, beta: number): OnnxValue =>
  bin('min', bin('max', bin('add', bin('mul', x, num(alpha)), num(beta)), num(0)), num(1));

/** log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|), which does not overflow. */
const softplus = ({ x, num, un, bin }: Calculator): OnnxValue =>
  bin('add', un('relu', x), un('log', bin('add', un('exp', un('neg', un('abs', x))), num(1))));

/** eˣ − 1, by x's minimum with 0: only the negative side is used. */
const exponentialMinusOne = ({ num, un, bin }: Calculator, x: OnnxValue): OnnxValue =>
  bin('sub', un('exp', bin('min', x, num(0))), num(1));

export const activations: Readonly<Record<string, Operator>> = {
  LeakyRelu: activation(6, ['binary', 'select'], ({ x, num, bin, bySign }, n) =>
    bySign(bin('mul', x, num(n.float('alpha', 0.01))), x),
  ),
  PRelu: activation(7, ['binary', 'select'], ({ x, bin, bySign }, n) => bySign(bin('mul', x, n.input(1)), x)),
  ThresholdedRelu: activation(10, ['binary', 'select'], ({ x, num, bin }, n) =>
    n.emit('select', [bin('less', num(n.float('alpha', 1)), x), x, num(0)], {}),
  ),
  /** x < 0 ? α(eˣ − 1) : x */
  Elu: activation(6, ['binary', 'select', 'unary'], (c, n) =>
    c.bySign(c.bin('mul', c.num(n.float('alpha', 1)), exponentialMinusOne(c, c.x)), c.x),
  ),
  /** x < 0 ? α(e^(x/α) − 1) : x */
  Celu: activation(12, ['binary', 'select', 'unary'], (c, n) => {
    const alpha = c.num(n.float('alpha', 1));
    return c.bySign(c.bin('mul', alpha, exponentialMinusOne(c, c.bin('div', c.x, alpha))), c.x);
  }),
  /** γ(x < 0 ? α(eˣ − 1) : x), with the constants of the ONNX operator. */
  Selu: activation(6, ['binary', 'select', 'unary'], (c, n) => {
    const alpha = c.num(n.float('alpha', 1.6732631921768188));
    const gamma = c.num(n.float('gamma', 1.0507010221481323));
    return c.bin('mul', gamma, c.bySign(c.bin('mul', alpha, exponentialMinusOne(c, c.x)), c.x));
  }),
  HardSigmoid: activation(6, ['binary'], (c, n) => hardSigmoid(c, n.float('alpha', 0.2), n.float('beta', 0.5))),
  /** x·hard_sigmoid(x) with α = 1/6, β = 1/2 */
  HardSwish: activation(14, ['binary'], (c) => c.bin('mul', c.x, hardSigmoid(c, 1 / 6, 0.5))),
  Softplus: activation(1, ['unary', 'binary'], softplus),
  /** x / (1 + |x|) */
  Softsign: activation(1, ['unary', 'binary'], ({ x, num, un, bin }) =>
    bin('div', x, bin('add', un('abs', x), num(1))),
  ),
  /** x·tanh(softplus(x)) */
  Mish: activation(18, ['unary', 'binary'], (c) => c.bin('mul', c.x, c.un('tanh', softplus(c)))),
  /** x·sigmoid(αx) */
  Swish: activation(24, ['unary', 'binary'], ({ x, num, un, bin }, n) => {
    const alpha = n.float('alpha', 1);
    return bin('mul', x, un('sigmoid', alpha === 1 ? x : bin('mul', x, num(alpha))));
  }),
  Gelu: {
    since: 20,
    into: ['gelu'],
    import: (n) => {
      const approximation = n.string('approximate', 'none');
      if (approximation !== 'none' && approximation !== 'tanh') return n.fail(`approximate is '${approximation}'`);
      return n.emit('gelu', [n.input(0)], { approximation });
    },
  },
};
