import { describe, it } from 'vitest';
import { type Case, codes, expectAgreement, i8, sample, theCase, u8 } from './against-onnxruntime.js';
import { f32, i64 } from './build-model.js';

/** Operators and forms of them that the ONNX project's tests here leave out, against onnxruntime. */

const x23 = sample([2, 3]);
const image = sample([1, 4, 5, 6]);
const weight = sample([6, 2, 3, 3], 5);

const cases: readonly Case[] = [
  ...['Softplus', 'Softsign', 'Selu', 'Tan', 'Sinh', 'Cosh', 'Round', 'Neg'].map((op) => theCase(op, 14, {}, [x23])),
  ...['Sin', 'Asin', 'Acos', 'Atan', 'Identity', 'Dropout'].map((op) =>
    theCase(op, 14, {}, [f32([3], [-1, 0.25, 0.75])]),
  ),
  theCase('Add', 14, {}, [x23, f32([3], [1, 2, 3])]),
  theCase('CastLike', 15, {}, [x23, i64([1], [0])]),
  theCase('Elu', 14, { alpha: 0.75 }, [x23]),
  theCase('Celu', 14, { alpha: 0.75 }, [x23]),
  theCase('ThresholdedRelu', 14, { alpha: 0.75 }, [x23]),
  theCase('PRelu', 16, {}, [x23, f32([3], [0.25, -1, 2])]),
  theCase('Mish', 18, {}, [x23]),
  theCase('Gelu', 20, {}, [x23]),
  theCase('Gelu', 20, { approximate: 'tanh' }, [x23]),
  theCase('Clip', 6, { min: -1.5, max: 2.5 }, [x23]),
  theCase('IsNaN', 13, {}, [f32([3], [1, Number.NaN, Number.POSITIVE_INFINITY])]),
  theCase('IsInf', 10, { detect_negative: 0 }, [f32([3], [Number.NEGATIVE_INFINITY, 1, Number.POSITIVE_INFINITY])]),
  theCase('Where', 16, {}, [{ dtype: 'bool', shape: [2, 1], data: Uint8Array.of(1, 0) }, x23, f32([3], [1, 2, 3])]),
  theCase('Mean', 13, {}, [x23, sample([3], 2), sample([2, 1], 3)], { constantsFrom: 3 }),
  theCase('EyeLike', 9, { k: 1 }, [sample([3, 4])]),

  theCase('Slice', 9, { starts: [0, 1], ends: [2, 2 ** 31], axes: [0, 1] }, [x23]),
  theCase('Slice', 13, {}, [sample([5]), i64([1], [-1]), i64([1], [-100]), i64([1], [0]), i64([1], [-2])]),
  theCase('Slice', 13, {}, [image, i64([2], [-3, 1]), i64([2], [100, -1]), i64([2], [2, -1]), i64([2], [1, 2])]),
  theCase('Slice', 13, {}, [x23, i64([1], [5]), i64([1], [7]), i64([1], [1])], { note: 'empty' }),
  theCase('Split', 11, { axis: 1, split: [1, 3] }, [sample([2, 4])], { results: 2 }),
  theCase('Split', 18, { axis: 0, num_outputs: 3 }, [sample([7, 2])], { results: 3 }),
  theCase('Pad', 18, { mode: 'reflect' }, [image, i64([4], [1, 2, 0, 1]), null, i64([2], [2, -1])]),
  theCase('Pad', 19, { mode: 'wrap' }, [sample([2, 4]), i64([4], [0, 3, 1, 2])]),
  theCase('Pad', 13, { mode: 'constant' }, [sample([2, 4]), i64([4], [1, -1, 0, 2]), f32([], [7])]),
  theCase('Tile', 13, {}, [x23, i64([2], [2, 3])]),
  theCase('DepthToSpace', 13, { blocksize: 2, mode: 'CRD' }, [sample([1, 8, 2, 3])]),
  theCase('Squeeze', 11, { axes: [0, -1] }, [sample([1, 3, 1])]),
  theCase('Unsqueeze', 11, { axes: [0, 3] }, [x23]),
  theCase('Flatten', 13, { axis: 0 }, [image]),
  theCase('Expand', 13, {}, [sample([3, 1]), i64([3], [2, 1, 4])]),
  theCase('GatherElements', 13, { axis: 1 }, [x23, i64([2, 2], [0, -1, 2, 1])]),
  theCase('ScatterElements', 18, { axis: 1, reduction: 'max' }, [x23, i64([2, 1], [2, 0]), f32([2, 1], [9, 9])]),
  theCase('ScatterND', 18, { reduction: 'mul' }, [x23, i64([2, 1], [1, 1]), sample([2, 3], 9)]),
  theCase('Scatter', 9, { axis: 1 }, [x23, i64([2, 1], [2, 0]), f32([2, 1], [9, 9])]),
  theCase('Trilu', 14, { upper: 0 }, [sample([2, 4, 3]), i64([], [1])]),
  theCase('OneHot', 11, { axis: 0 }, [i64([3], [1, -1, 7]), i64([], [4]), f32([2], [-1, 5])]),

  theCase('ReduceL1', 18, {}, [image, i64([2], [1, -1])]),
  theCase('ReduceLogSum', 13, { axes: [1] }, [f32([2, 2], [1, 2, 3, 4])]),
  theCase('ReduceLogSumExp', 13, { axes: [1], keepdims: 0 }, [f32([2, 2], [800, 801, -900, -901])]),
  theCase('ReduceSumSquare', 13, { axes: [0, 2] }, [sample([2, 3, 2])]),
  theCase('ReduceSum', 13, { noop_with_empty_axes: 1 }, [x23]),
  theCase('ReduceMean', 18, { keepdims: 0 }, [x23]),
  theCase('Softmax', 11, { axis: 1 }, [sample([2, 3, 4])]),
  theCase('LogSoftmax', 11, { axis: 0 }, [sample([2, 3])]),
  theCase('TopK', 11, { axis: 0, largest: 0 }, [sample([4, 3]), i64([1], [2])], { results: 2 }),
  theCase('CumSum', 14, { exclusive: 1, reverse: 1 }, [x23, i64([], [-1])]),

  theCase('MatMul', 13, {}, [sample([3]), sample([2, 3, 4])]),
  theCase('MatMul', 13, {}, [sample([2, 5, 3]), sample([3])]),
  theCase('MatMul', 13, {}, [sample([3]), sample([3])]),
  theCase('Gemm', 13, { alpha: 0.5, beta: 0.25, transA: 1, transB: 1 }, [x23, sample([4, 2]), sample([3, 1])]),
  ...[
    ['ij,jk->ki', [2, 3], [3, 4]],
    ['bhwc,hkc->bhwk', [2, 3, 4, 5], [3, 2, 5]],
    ['bhwc,wkc->bhwk', [2, 3, 4, 5], [4, 2, 5]],
    ['...ij,...jk', [2, 5, 3, 4], [2, 5, 4, 2]],
    ['ab,cd->abcd', [2, 3], [4, 5]],
    ['i,ij', [3], [3, 2]],
    ['abc,abd->cd', [2, 3, 4], [2, 3, 5]],
  ].map(([equation, a, b]) =>
    theCase('Einsum', 13, { equation: String(equation) }, [sample(a as number[]), sample(b as number[], 3)]),
  ),
  theCase('Einsum', 13, { equation: 'iij->j' }, [sample([3, 3, 2])]),
  theCase('Einsum', 13, { equation: 'ab,bc,cd->ad' }, [x23, sample([3, 4]), sample([4, 2])]),

  theCase('Conv', 13, { group: 2, strides: [2, 1], dilations: [1, 2], pads: [1, 0, 2, 1] }, [
    image,
    weight,
    sample([6]),
  ]),
  theCase('Conv', 13, { group: 2, auto_pad: 'SAME_UPPER', strides: [2, 2] }, [image, weight]),
  theCase('Conv', 13, { group: 2, auto_pad: 'SAME_LOWER', strides: [2, 2] }, [image, weight]),
  theCase('Conv', 13, { pads: [1, 1] }, [sample([2, 3, 5]), sample([4, 3, 3])], { note: '1-D' }),
  theCase('Conv', 13, { group: 4 }, [image, sample([4, 1, 2, 2])], { note: 'depthwise' }),
  theCase('ConvTranspose', 13, { group: 2, strides: [2, 2], output_padding: [1, 0], pads: [1, 0, 0, 1] }, [
    image,
    sample([4, 3, 3, 3]),
    sample([6]),
  ]),
  theCase('ConvTranspose', 13, { auto_pad: 'SAME_UPPER', strides: [2, 2] }, [image, sample([4, 3, 3, 3])]),
  theCase('ConvTranspose', 13, { strides: [2, 2], output_shape: [10, 12] }, [image, sample([4, 3, 3, 3])]),
  theCase('MaxPool', 12, { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 0, 1, 1], ceil_mode: 1 }, [image]),
  theCase('AveragePool', 11, { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1, pads: [0, 1, 1, 0] }, [image]),
  theCase('GlobalMaxPool', 13, {}, [image]),

  ...['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric'].flatMap((mode) =>
    ['nearest', 'linear', 'cubic'].map((kind) =>
      theCase('Resize', 13, { coordinate_transformation_mode: mode, mode: kind }, [
        image,
        null,
        null,
        i64([4], [1, 4, 8, 9]),
      ]),
    ),
  ),
  theCase('Resize', 18, { axes: [3, 2], mode: 'linear' }, [image, null, f32([2], [0.6, 1.7])]),
  theCase('Resize', 18, { axes: [2, 3], keep_aspect_ratio_policy: 'not_larger', mode: 'linear' }, [
    image,
    null,
    null,
    i64([2], [9, 9]),
  ]),
  theCase('Resize', 18, { antialias: 1, mode: 'linear' }, [image, null, null, i64([4], [1, 4, 3, 2])]),
  theCase('Resize', 10, { mode: 'nearest' }, [image, f32([4], [1, 1, 2, 1.5])]),
  theCase('GridSample', 16, { mode: 'bilinear', align_corners: 1 }, [image, f32([1, 1, 2, 2], [-1, 0.3, 0.5, 1.25])]),

  theCase('Attention', 23, { q_num_heads: 4, kv_num_heads: 2 }, [
    sample([1, 3, 8]),
    sample([1, 5, 4], 2),
    sample([1, 5, 6], 3),
    sample([3, 5], 4),
  ]),
  theCase('Attention', 23, { is_causal: 1, scale: 0.25, softcap: { float: 2 } }, [
    sample([2, 2, 3, 4]),
    sample([2, 2, 3, 4], 2),
    sample([2, 2, 3, 4], 3),
  ]),
  theCase('RMSNormalization', 23, { axis: 1 }, [image, sample([4, 5, 6])]),
  theCase('LayerNormalization', 17, { axis: 2, epsilon: 0.01 }, [sample([2, 3, 4, 5]), sample([4, 5]), sample([4, 5])]),
  theCase('InstanceNormalization', 6, {}, [image, sample([4]), sample([4])]),
  theCase('GroupNormalization', 21, { num_groups: 2 }, [image, sample([4]), sample([4])]),
  theCase('BatchNormalization', 15, {}, [image, sample([4]), sample([4]), sample([4]), f32([4], [1, 2, 3, 4])]),
  theCase('LpNormalization', 1, { axis: 1, p: 1 }, [x23]),
  theCase('LpNormalization', 1, { axis: 0, p: 2 }, [x23]),

  theCase('QuantizeLinear', 13, { axis: 1 }, [x23, f32([3], [0.5, 0.25, 0.03]), i8([3], [0, 3, -5])]),
  theCase('QuantizeLinear', 13, {}, [x23, f32([], [0.01]), u8([], [128])]),
  theCase('DequantizeLinear', 13, { axis: 0 }, [codes([2, 3]), f32([2], [0.5, 0.25]), u8([2], [3, 128])]),
  theCase('QLinearMatMul', 10, {}, [
    codes([2, 3]),
    f32([], [0.05]),
    u8([], [113]),
    u8([3, 2], [1, 200, 30, 4, 55, 6]),
    f32([], [0.02]),
    u8([], [100]),
    f32([], [0.5]),
    u8([], [90]),
  ]),
];

describe('operators against onnxruntime', () => {
  it.each(cases)('$name', expectAgreement);
});
