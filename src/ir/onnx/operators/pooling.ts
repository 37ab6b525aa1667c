import type { OnnxValue } from '../onnx-value.js';
import { type NodeImport, type Operator, range, rankOf } from '../operator.js';
import { type ReduceFunction, reduceOver } from './reduction.js';
import { readWindow, type Window } from './windows.js';

/** Pools, channels first as in ONNX. */

const poolWindow = (n: NodeImport): Window =>
  readWindow(n, n.input(0).type.shape.slice(2), n.ints('kernel_shape') ?? n.fail('kernel_shape is missing'));

function maxPool(n: NodeImport): readonly OnnxValue[] {
  return n.emitAll('max_pool', [n.input(0)], {
    ...poolWindow(n),
    ceil: n.int('ceil_mode', 0) !== 0,
    indices: n.hasOutput(1),
    column_major: n.int('storage_order', 0) !== 0,
  });
}

function averagePool(n: NodeImport): OnnxValue {
  const { dilations, ...window } = poolWindow(n);
  if (dilations.some((dilation) => dilation !== 1)) n.fail('dilations of an average pool are not supported');
  return n.emit('average_pool', [n.input(0)], {
    ...window,
    ceil: n.int('ceil_mode', 0) !== 0,
    count_include_pad: n.int('count_include_pad', 0) !== 0,
  });
}

/** Over all spatial axes of [b, c, spatial…]. */
const global = (fn: ReduceFunction): Operator => ({
  since: 1,
  into: ['reduce'],
  import: (n) =>
    reduceOver(
      n,
      fn,
      n.input(0),
      range(rankOf(n.input(0))).filter((axis) => axis >= 2),
      true,
    ),
});

export const pools: Readonly<Record<string, Operator>> = {
  MaxPool: { since: 1, into: ['max_pool'], refuses: 'more than three spatial axes', import: maxPool },
  AveragePool: {
    since: 1,
    into: ['average_pool'],
    refuses: '`dilations`, more than three spatial axes',
    import: averagePool,
  },
  GlobalAveragePool: global('mean'),
  GlobalMaxPool: global('max'),
};
