import { attr, defineOp, operand, requireType, TypeMismatch } from '../op.js';
import { divideExact, multiply } from '../scalar.js';
import type { TensorType } from '../types.js';
import { evaluateAttention, requireGrid } from './attention-evaluate.js';
import { requireBroadcastsTo } from './broadcast.js';
import { F32_TYPE, requireAtLeast, requireDType, requireEqual, requireRank, requireShape } from './check.js';

const NAMES = ['q', 'k', 'v', 'bias', 'rel_height', 'rel_width', 'key_pad', 'value_pad'] as const;

export const attention = defineOp({
  summary:
    'q [b, m, heads·c], k [b, n, heads·c], v [b, n, heads·cv] → [b, m, heads·cv]: softmax(scale·q·kᵀ + bias + q·rel_height[y, ky] + q·rel_width[x, kx])·v for each head; inside windows of a grid of tokens if `window` is given. The relative terms take the unscaled q, rel_height [qh, kh, c], rel_width [qw, kw, c] with m = qh·qw, n = kh·kw; bias broadcasts to [b, heads, m, n] (with windows m, n are of one window and b counts b·windows, windows innermost); tokens of a window outside the grid have key_pad [heads·c], value_pad [heads·cv].',
  operands: [
    operand('q'),
    operand('k'),
    operand('v'),
    operand('bias', '?'),
    operand('rel_height', '?'),
    operand('rel_width', '?'),
    operand('key_pad', '?'),
    operand('value_pad', '?'),
  ],
  attrs: { heads: attr.int, scale: attr.float, window: attr.optional(attr.ints) },
  infer: (types, { heads, window }, context): readonly TensorType[] => {
    const [q, k, v] = [requireType(types, 0, 'q'), requireType(types, 1, 'k'), requireType(types, 2, 'v')];
    types.forEach((type, i) => {
      if (type) requireDType(type, NAMES[i] ?? 'operand', F32_TYPE);
    });
    for (const [type, name] of [
      [q, 'q'],
      [k, 'k'],
      [v, 'v'],
    ] as const)
      requireRank(type, name, 3);
    requireAtLeast([heads], 'heads', 1);
    const [batch, queries, width] = [q.shape[0]!, q.shape[1]!, q.shape[2]!];
    const [keys, valueWidth] = [k.shape[1]!, v.shape[2]!];
    requireEqual(batch, k.shape[0]!, 'batch of k', context);
    requireEqual(batch, v.shape[0]!, 'batch of v', context);
    requireEqual(keys, v.shape[1]!, 'tokens of v, those of k', context);
    requireEqual(width, k.shape[2]!, 'channels of k', context);
    const channels = divideExact(width, heads);
    requireEqual(width, multiply(channels, heads), 'channels of q over heads', context);
    requireEqual(valueWidth, multiply(divideExact(valueWidth, heads), heads), 'channels of v over heads', context);

    let [m, n, biasBatch] = [queries, keys, batch];
    if (window) {
      const [gridHeight, gridWidth, winHeight, winWidth] = requireGrid(window);
      requireEqual(gridHeight * gridWidth, queries, 'tokens of q, those of the grid', context);
      requireEqual(gridHeight * gridWidth, keys, 'tokens of k, those of the grid', context);
      const overhang = gridHeight % winHeight !== 0 || gridWidth % winWidth !== 0;
      if (overhang && !(types[6] && types[7]))
        throw new TypeMismatch('key_pad, value_pad: expected where windows hang over the grid, found none');
      m = n = winHeight * winWidth;
      biasBatch = multiply(batch, Math.ceil(gridHeight / winHeight) * Math.ceil(gridWidth / winWidth));
    }
    const [bias, relHeight, relWidth] = [types[3], types[4], types[5]];
    if (bias) requireBroadcastsTo(bias.shape, [biasBatch, heads, m, n], 'bias', context);
    if ((relHeight === undefined) !== (relWidth === undefined))
      throw new TypeMismatch('rel_height, rel_width: expected both or none, found one');
    if (relHeight && relWidth) {
      requireRank(relHeight, 'rel_height', 3);
      requireRank(relWidth, 'rel_width', 3);
      requireEqual(m, multiply(relHeight.shape[0]!, relWidth.shape[0]!), 'qh·qw, the queries', context);
      requireEqual(n, multiply(relHeight.shape[1]!, relWidth.shape[1]!), 'kh·kw, the keys', context);
      requireEqual(channels, relHeight.shape[2]!, 'channels of rel_height', context);
      requireEqual(channels, relWidth.shape[2]!, 'channels of rel_width', context);
      if (window) requireEqual(window[2]!, relHeight.shape[0]!, 'rows of rel_height, those of the window', context);
    }
    if (types[6]) requireShape(types[6], 'key_pad', [width], context);
    if (types[7]) requireShape(types[7], 'value_pad', [valueWidth], context);
    return [{ dtype: 'f32', shape: [batch, queries, valueWidth] }];
  },
  evaluate: evaluateAttention,
});
