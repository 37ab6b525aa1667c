import type { OpName } from '../../ops/index.js';
import { product } from '../../scalar.js';
import type { OnnxValue } from '../onnx-value.js';
import { axesOf, dtypeOf, type NodeImport, type Operator, range, rankOf, resolveAxis } from '../operator.js';
import { reshapeTo, without } from './movement.js';

/** Operators over whole axes. */

export type ReduceFunction = 'sum' | 'mean' | 'max' | 'min' | 'prod';

export const reduceOver = (
  n: NodeImport,
  fn: ReduceFunction,
  x: OnnxValue,
  axes: readonly number[],
  keepdims: boolean,
): OnnxValue => n.emit('reduce', [x], { fn, axes: [...axes].sort((a, b) => a - b), keepdims });

interface Reduction {
  readonly x: OnnxValue;
  readonly axes: readonly number[];
  readonly keepdims: boolean;
}

/** Axes are all where none are given, unless `noop_with_empty_axes`. */
function readReduction(n: NodeImport): Reduction {
  const x = n.input(0);
  const axes = axesOf(n, 1, rankOf(x)) ?? [];
  const all = axes.length === 0 && n.int('noop_with_empty_axes', 0) === 0;
  return { x, axes: all ? range(rankOf(x)) : axes, keepdims: n.int('keepdims', 1) !== 0 };
}

const reduction = (into: readonly OpName[], compute: (n: NodeImport, r: Reduction) => OnnxValue): Operator => ({
  since: 1,
  into,
  import: (n) => compute(n, readReduction(n)),
});

const plain = (fn: ReduceFunction): Operator =>
  reduction(['reduce'], (n, { x, axes, keepdims }) => (axes.length === 0 ? x : reduceOver(n, fn, x, axes, keepdims)));

const square = (n: NodeImport, x: OnnxValue): OnnxValue => n.emit('binary', [x, x], { fn: 'mul' });

/** m + log Σ exp(x − m) with m = max x, which does not overflow; m = 0 where the maximum is infinite. */
function logSumExp(n: NodeImport, { x, axes, keepdims }: Reduction): OnnxValue {
  const max = reduceOver(n, 'max', x, axes, true);
  const infinite = n.emit('unary', [max], { fn: 'is_inf' });
  const shift = n.emit('select', [infinite, n.number(dtypeOf(x), 0), max], {});
  const exp = n.emit('unary', [n.emit('binary', [x, shift], { fn: 'sub' })], { fn: 'exp' });
  const log = n.emit('unary', [reduceOver(n, 'sum', exp, axes, true)], { fn: 'log' });
  const sum = n.emit('binary', [log, shift], { fn: 'add' });
  return keepdims ? sum : reshapeTo(n, sum, without(sum.type.shape, axes));
}

const argReduce = (fn: 'max' | 'min'): Operator => ({
  since: 1,
  into: ['arg_reduce'],
  import: (n) =>
    n.emit('arg_reduce', [n.input(0)], {
      fn,
      axis: resolveAxis(n, n.int('axis', 0), rankOf(n.input(0))),
      keepdims: n.int('keepdims', 1) !== 0,
      select_last: n.int('select_last_index', 0) !== 0,
    }),
});

function cumsum(n: NodeImport): OnnxValue {
  const [axis] = n.numbers(1, 'axis');
  return n.emit('cumsum', [n.input(0)], {
    axis: resolveAxis(n, axis ?? n.fail('axis is empty'), rankOf(n.input(0))),
    exclusive: n.int('exclusive', 0) !== 0,
    reverse: n.int('reverse', 0) !== 0,
  });
}

function topK(n: NodeImport): readonly OnnxValue[] {
  const [k] = n.numbers(1, 'k');
  return n.emitAll('top_k', [n.input(0)], {
    axis: resolveAxis(n, n.int('axis', -1), rankOf(n.input(0))),
    k: k ?? n.fail('k is empty'),
    largest: n.int('largest', 1) !== 0,
  });
}

/** Before opset 13 the axes from `axis` on are one. */
const softmax = (log: boolean): Operator => ({
  since: 1,
  into: ['softmax', 'reshape'],
  import: (n) => {
    const x = n.input(0);
    const axis = resolveAxis(n, n.int('axis', n.opset < 13 ? 1 : -1), rankOf(x));
    if (n.opset >= 13 || axis === rankOf(x) - 1) return n.emit('softmax', [x], { axis, log });
    const { shape } = x.type;
    const flat = reshapeTo(n, x, [product(shape.slice(0, axis)), product(shape.slice(axis))]);
    return reshapeTo(n, n.emit('softmax', [flat], { axis: 1, log }), shape);
  },
});

export const reductions: Readonly<Record<string, Operator>> = {
  ReduceSum: plain('sum'),
  ReduceMean: plain('mean'),
  ReduceMax: plain('max'),
  ReduceMin: plain('min'),
  ReduceProd: plain('prod'),
  ReduceL1: reduction(['unary', 'reduce'], (n, { x, axes, keepdims }) =>
    reduceOver(n, 'sum', n.emit('unary', [x], { fn: 'abs' }), axes, keepdims),
  ),
  ReduceL2: reduction(['binary', 'reduce', 'unary'], (n, { x, axes, keepdims }) =>
    n.emit('unary', [reduceOver(n, 'sum', square(n, x), axes, keepdims)], { fn: 'sqrt' }),
  ),
  ReduceSumSquare: reduction(['binary', 'reduce'], (n, { x, axes, keepdims }) =>
    reduceOver(n, 'sum', square(n, x), axes, keepdims),
  ),
  ReduceLogSum: reduction(['reduce', 'unary'], (n, { x, axes, keepdims }) =>
    n.emit('unary', [reduceOver(n, 'sum', x, axes, keepdims)], { fn: 'log' }),
  ),
  ReduceLogSumExp: reduction(['reduce', 'unary', 'select', 'binary', 'reshape'], logSumExp),
  ArgMax: argReduce('max'),
  ArgMin: argReduce('min'),
  CumSum: { since: 11, into: ['cumsum'], refuses: 'an axis computed at run time', import: cumsum },
  TopK: { since: 10, into: ['top_k'], refuses: '`k` computed at run time', import: topK },
  Softmax: softmax(false),
  LogSoftmax: softmax(true),
};
