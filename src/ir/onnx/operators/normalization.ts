import { divideExact, product, type Scalar } from '../../scalar.js';
import type { DType } from '../../types.js';
import type { OnnxValue } from '../onnx-value.js';
import { dtypeOf, type NodeImport, type Operator, range, rankOf, resolveAxis } from '../operator.js';
import { reshapeTo } from './movement.js';
import { reduceOver } from './reduction.js';

/** Normalizations, in terms of the IR's layer_norm over the last axis. */

const multiplyBy = (n: NodeImport, x: OnnxValue, y: OnnxValue): OnnxValue => n.emit('binary', [x, y], { fn: 'mul' });
const plus = (n: NodeImport, x: OnnxValue, y: OnnxValue): OnnxValue => n.emit('binary', [x, y], { fn: 'add' });

/** Parameters [c] along the channels of [b, c, spatial…]. */
const perChannel = (n: NodeImport, parameter: OnnxValue, rank: number): OnnxValue =>
  reshapeTo(n, parameter, [...parameter.type.shape, ...new Array<number>(Math.max(0, rank - 2)).fill(1)]);

/** 1 / √(x + ε) */
function inverseRoot(n: NodeImport, x: OnnxValue, epsilon: number): OnnxValue {
  const root = n.emit('unary', [plus(n, x, n.number(dtypeOf(x), epsilon))], { fn: 'sqrt' });
  return n.emit('binary', [n.number(dtypeOf(x), 1), root], { fn: 'div' });
}

/** Types below float32 are computed in float32 (`stash_type`), as the IR's layer_norm does by itself. */
const stash = (n: NodeImport, x: OnnxValue): OnnxValue =>
  dtypeOf(x) === 'f16' || dtypeOf(x) === 'bf16' ? n.emit('cast', [x], { to: 'f32' }) : x;
const restore = (n: NodeImport, x: OnnxValue, to: DType): OnnxValue =>
  dtypeOf(x) === to ? x : n.emit('cast', [x], { to });

/** Axes from `axis` on are one: [a…, b…] is normalized as [a…, Π b] with gamma and beta of shape [b…]. */
function layerNorm(n: NodeImport): readonly OnnxValue[] {
  const x = n.input(0);
  const { shape } = x.type;
  const axis = resolveAxis(n, n.int('axis', -1), shape.length);
  const epsilon = n.float('epsilon', 1e-5);
  const inner = shape.slice(axis);
  const width = product(inner);
  const parameter = (index: number): OnnxValue | undefined => {
    const given = n.optional(index);
    if (given === undefined) return undefined;
    const whole = given.type.shape.length === inner.length ? given : n.emit('expand', [given], { shape: inner });
    const full = whole.type.shape.includes(1) ? n.emit('expand', [whole], { shape: inner }) : whole;
    return reshapeTo(n, full, [width]);
  };
  const flat = reshapeTo(n, x, [...shape.slice(0, axis), width]);
  const normalized = n.emit('layer_norm', [flat, parameter(1), parameter(2)], { epsilon });
  const y = reshapeTo(n, normalized, shape);
  if (!n.hasOutput(1) && !n.hasOutput(2)) return [y];
  const axes = range(shape.length).filter((at) => at >= axis);
  const wide = stash(n, x);
  const mean = reduceOver(n, 'mean', wide, axes, true);
  const difference = n.emit('binary', [wide, mean], { fn: 'sub' });
  const variance = reduceOver(n, 'mean', multiplyBy(n, difference, difference), axes, true);
  return [y, mean, inverseRoot(n, variance, epsilon)];
}

/** x / √(mean x² + ε)·scale over the axes from `axis` on. */
function rmsNorm(n: NodeImport): OnnxValue {
  const x = stash(n, n.input(0));
  const axis = resolveAxis(n, n.int('axis', -1), rankOf(x));
  const axes = range(rankOf(x)).filter((at) => at >= axis);
  const square = reduceOver(n, 'mean', multiplyBy(n, x, x), axes, true);
  const normalized = multiplyBy(n, x, inverseRoot(n, square, n.float('epsilon', 1e-5)));
  const scaled = multiplyBy(n, restore(n, normalized, dtypeOf(n.input(0))), n.input(1));
  return scaled;
}

/** x·s + (bias − mean·s) with s = scale / √(variance + ε): two small vectors, folded where the parameters are constants. */
function batchNorm(n: NodeImport): OnnxValue {
  if (n.int('training_mode', 0) !== 0) n.fail('training mode is not supported');
  if (n.opset < 9 && n.int('spatial', 1) === 0) n.fail('spatial = 0 is not supported');
  const [x, scale, bias, mean, variance] = [n.input(0), n.input(1), n.input(2), n.input(3), n.input(4)];
  const factor = multiplyBy(n, scale, inverseRoot(n, variance, n.float('epsilon', 1e-5)));
  const shift = n.emit('binary', [bias, multiplyBy(n, mean, factor)], { fn: 'sub' });
  const rank = rankOf(x);
  const scaled = multiplyBy(n, x, perChannel(n, restore(n, factor, dtypeOf(x)), rank));
  return plus(n, scaled, perChannel(n, restore(n, shift, dtypeOf(x)), rank));
}

/** [b, c, spatial…] in `groups` of channels: each group of a sample is normalized with its spatial axes. */
function normalizeGroups(n: NodeImport, groups: Scalar): OnnxValue {
  const x = n.input(0);
  const [batch = 1, channels = 1, ...spatial] = x.type.shape;
  const size = product([divideExact(channels, groups), ...spatial]);
  const flat = reshapeTo(n, x, [batch, groups, size]);
  const normalized = n.emit('layer_norm', [flat, null, null], { epsilon: n.float('epsilon', 1e-5) });
  return reshapeTo(n, normalized, x.type.shape);
}

function instanceNorm(n: NodeImport): OnnxValue {
  const rank = rankOf(n.input(0));
  const normalized = normalizeGroups(n, n.input(0).type.shape[1] ?? n.fail('expected [batch, channels, spatial…]'));
  return plus(n, multiplyBy(n, normalized, perChannel(n, n.input(1), rank)), perChannel(n, n.input(2), rank));
}

/** Scale and bias are per group in opset 18 to 20, per channel since 21. */
function groupNorm(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const groups = n.int('num_groups');
  const [, channels = n.fail('expected [batch, channels, spatial…]')] = x.type.shape;
  const normalized = normalizeGroups(n, groups);
  const parameter = (index: number): OnnxValue => {
    const given = n.input(index);
    if (n.opset >= 21) return perChannel(n, given, rankOf(x));
    const size = divideExact(channels, groups);
    const wide = n.emit('expand', [reshapeTo(n, given, [groups, 1])], { shape: [groups, size] });
    return perChannel(n, reshapeTo(n, wide, [channels]), rankOf(x));
  };
  return plus(n, multiplyBy(n, normalized, parameter(1)), parameter(2));
}

/** x / ‖x‖ along an axis; 0 where the norm is 0. */
function lpNorm(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const axes = [resolveAxis(n, n.int('axis', -1), rankOf(x))];
  const p = n.int('p', 2);
  if (p !== 1 && p !== 2) n.fail(`p is ${p}, expected 1 or 2`);
  const terms = p === 1 ? n.emit('unary', [x], { fn: 'abs' }) : multiplyBy(n, x, x);
  const sum = reduceOver(n, 'sum', terms, axes, true);
  const norm = p === 1 ? sum : n.emit('unary', [sum], { fn: 'sqrt' });
  const zero = n.emit('binary', [norm, n.number(dtypeOf(x), 0)], { fn: 'equal' });
  const divisor = n.emit('select', [zero, n.number(dtypeOf(x), 1), norm], {});
  return n.emit('binary', [x, divisor], { fn: 'div' });
}

export const normalizations: Readonly<Record<string, Operator>> = {
  LayerNormalization: {
    since: 17,
    into: ['reshape', 'expand', 'layer_norm', 'cast', 'reduce', 'binary', 'unary'],
    import: layerNorm,
  },
  RMSNormalization: { since: 23, into: ['reduce', 'binary', 'unary', 'cast'], import: rmsNorm },
  BatchNormalization: {
    since: 7,
    into: ['binary', 'unary', 'reshape', 'cast'],
    refuses: '`training_mode`, and `spatial` = 0 of opset 7',
    import: batchNorm,
  },
  InstanceNormalization: { since: 6, into: ['reshape', 'layer_norm', 'binary'], import: instanceNorm },
  GroupNormalization: {
    since: 18,
    into: ['reshape', 'layer_norm', 'binary', 'expand'],
    import: groupNorm,
  },
  LpNormalization: {
    since: 1,
    into: ['unary', 'binary', 'reduce', 'select'],
    refuses: '`p` other than 1 and 2',
    import: lpNorm,
  },
};
