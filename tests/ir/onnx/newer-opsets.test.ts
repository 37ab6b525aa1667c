import { describe, expect, it } from 'vitest';
import { importModel } from '../../../src/ir/onnx/import-model.js';
import { type Case, codes, expectAgreement, i8, sample, theCase, u8 } from './against-onnxruntime.js';
import { f32, i64, writeModel } from './build-model.js';

/** Forms of opset 18 and later, and the operators of quantized models, against onnxruntime. */

const image = sample([1, 4, 5, 6]);
const qkv = (seed: number) => sample([1, 2, 3, 4], seed);
const cache = (positions: number, pairs: number, seed: number) => sample([positions, pairs], seed);
const resize = (opset: number, attrs: Readonly<Record<string, number | string>>, scales = [1, 1, 0.6, 1.7]): Case =>
  theCase('Resize', opset, attrs, [image, null, f32([4], scales)], { note: String(scales) });

const cases: readonly Case[] = [
  theCase('GroupNormalization', 18, { num_groups: 2 }, [image, sample([2]), sample([2], 3)]),
  theCase('GroupNormalization', 21, { num_groups: 4, epsilon: 0.25 }, [image, sample([4]), sample([4], 3)]),
  theCase('LayerNormalization', 17, {}, [image, sample([6]), sample([6], 3)], { results: 3 }),
  theCase('RMSNormalization', 23, { epsilon: 0.25 }, [image, sample([6])]),
  theCase('Gelu', 20, { approximate: 'tanh' }, [sample([2, 3])], { note: 'again' }),
  theCase('Swish', 24, { alpha: 0.75 }, [image]),

  theCase('Attention', 23, {}, [
    qkv(1),
    qkv(2),
    qkv(3),
    { dtype: 'bool', shape: [3, 3], data: Uint8Array.of(1, 0, 1, 1, 1, 0, 0, 0, 1) },
  ]),
  theCase('Attention', 23, { is_causal: 1 }, [sample([1, 4, 3, 4]), qkv(2), qkv(3)], { note: 'grouped queries' }),
  theCase('RotaryEmbedding', 23, {}, [sample([1, 2, 3, 8]), cache(5, 4, 2), cache(5, 4, 3), i64([1, 3], [4, 0, 2])]),
  theCase('RotaryEmbedding', 23, { interleaved: 1 }, [
    sample([2, 2, 3, 8]),
    sample([2, 3, 4], 2),
    sample([2, 3, 4], 3),
  ]),
  theCase('RotaryEmbedding', 23, { rotary_embedding_dim: 4, num_heads: 2 }, [
    sample([1, 3, 16]),
    cache(3, 2, 2),
    cache(3, 2, 3),
    i64([1, 3], [0, 1, 2]),
  ]),

  theCase('ReduceMean', 18, { noop_with_empty_axes: 1 }, [image, i64([1], [-1])]),
  theCase('ReduceMax', 20, { keepdims: 0 }, [image, i64([2], [1, 3])]),
  theCase('ReduceSum', 13, { keepdims: 0 }, [image, i64([0], [])], { note: 'empty axes' }),
  theCase('ReduceL2', 18, { keepdims: 0 }, [image, i64([1], [2])]),
  theCase('ReduceLogSumExp', 18, {}, [image, i64([1], [1])]),
  theCase('ReduceProd', 18, {}, [sample([2, 3]), i64([1], [0])]),

  resize(18, { mode: 'linear', antialias: 1 }),
  resize(18, { mode: 'cubic', antialias: 1, cubic_coeff_a: -0.5 }),
  resize(19, { mode: 'linear', coordinate_transformation_mode: 'half_pixel_symmetric' }),
  resize(19, { mode: 'cubic', coordinate_transformation_mode: 'half_pixel_symmetric' }),
  resize(19, { mode: 'cubic', exclude_outside: 1 }),
  resize(18, { mode: 'nearest', nearest_mode: 'ceil' }, [1, 1, 1.5, 0.5]),
  theCase('Resize', 18, { axes: [3, 2], keep_aspect_ratio_policy: 'not_smaller', mode: 'linear' }, [
    image,
    null,
    null,
    i64([2], [9, 9]),
  ]),

  theCase('Pad', 18, { mode: 'edge' }, [image, i64([2], [2, 1]), null, i64([1], [-1])]),
  theCase('Pad', 19, { mode: 'wrap' }, [sample([2, 4]), i64([2], [3, 4]), null, i64([1], [1])], { note: 'by axis' }),
  theCase('Pad', 21, { mode: 'constant' }, [u8([2, 2], [1, 2, 3, 4]), i64([4], [1, 0, 0, 1]), u8([], [9])]),
  theCase('Pad', 23, { mode: 'reflect' }, [sample([2, 4]), i64([4], [0, 2, 1, 1])]),
  theCase('Split', 18, { axis: 1, num_outputs: 3 }, [sample([2, 8])], { results: 3 }),
  theCase('Split', 18, { axis: -1 }, [sample([2, 8]), i64([3], [1, 0, 7])], { results: 3 }),
  theCase('ScatterElements', 18, { axis: 0, reduction: 'min' }, [
    sample([3, 2]),
    i64([1, 2], [2, 0]),
    sample([1, 2], 7),
  ]),
  theCase('ScatterND', 18, { reduction: 'max' }, [sample([3, 2]), i64([2, 1], [1, 1]), sample([2, 2], 9)]),
  theCase('GridSample', 20, { mode: 'cubic', padding_mode: 'reflection' }, [
    image,
    f32([1, 1, 2, 2], [-1, 0.3, 0.5, 1.25]),
  ]),
  theCase('Reshape', 21, { allowzero: 0 }, [image, i64([3], [0, -1, 6])]),
  theCase('AveragePool', 19, { kernel_shape: [2, 2], count_include_pad: 1, pads: [1, 0, 0, 1] }, [image]),
  theCase('Equal', 19, {}, [sample([4]), sample([4], 3)]),

  theCase('QuantizeLinear', 19, {}, [sample([2, 3]), f32([], [0.25]), i8([], [-3])]),
  theCase('QuantizeLinear', 21, { axis: 1, block_size: 2 }, [
    sample([2, 4]),
    f32([2, 2], [0.5, 0.25, 0.125, 1]),
    u8([2, 2], [3, 128, 0, 7]),
  ]),
  theCase('DequantizeLinear', 21, { axis: 0, block_size: 2 }, [codes([4, 3]), f32([2, 3], [0.5, 0.25, 1, 2, 3, 4])]),
  theCase('DequantizeLinear', 19, {}, [codes([4, 3]), f32([1], [0.5]), u8([1], [7])]),
  theCase('DynamicQuantizeLinear', 11, {}, [sample([3, 4])], { results: 3 }),
  theCase('MatMulInteger', 10, {}, [codes([2, 3]), u8([3, 2], [1, 2, 3, 4, 5, 6]), u8([], [64]), u8([2], [3, 4])]),
  theCase('ConvInteger', 10, { pads: [1, 0, 0, 1], strides: [2, 1] }, [
    codes([1, 2, 4, 4]),
    u8(
      [2, 2, 2, 2],
      [...Array(16).keys()].map((i) => 16 * i),
    ),
    u8([], [64]),
    u8([], [100]),
  ]),
  theCase('QLinearConv', 10, { pads: [1, 1, 1, 1], group: 2 }, [
    codes([1, 4, 4, 4]),
    f32([], [0.05]),
    u8([], [60]),
    i8(
      [2, 2, 3, 3],
      [...Array(36).keys()].map((i) => ((i * 37) % 255) - 127),
    ),
    f32([2], [0.02, 0.01]),
    i8([2], [0, 0]),
    f32([], [0.25]),
    u8([], [90]),
    { dtype: 'i32', shape: [2], data: Int32Array.of(1000, -3000) },
  ]),
  theCase('QLinearMatMul', 10, {}, [
    codes([2, 3]),
    f32([], [0.05]),
    u8([], [113]),
    i8([3, 2], [1, -100, 30, 4, 55, -128]),
    f32([2], [0.02, 0.01]),
    i8([2], [0, 0]),
    f32([], [0.25]),
    u8([], [90]),
  ]),
];

describe('newer forms and quantized operators against onnxruntime', () => {
  it.each(cases)('$name', expectAgreement);
});

describe('operator sets that are not known', () => {
  it.each([0, 25, 99])('opset %i is refused', (opset) => {
    const path = writeModel({
      opset,
      inputs: { x: { dtype: 'f32', shape: [2] } },
      outputs: { y: null },
      nodes: [{ op: 'Relu', in: ['x'], out: ['y'] }],
    });
    expect(() => importModel(path)).toThrow(
      `is of opset ${opset}, which is not known; export with an opset from 11 to 24`,
    );
  });
});

describe('forms that are refused', () => {
  const x = sample([1, 2, 3, 4]);
  it.each([
    [theCase('Attention', 23, {}, [x, x, x, null, x, x], { results: 3 }), /past keys and values are not supported/],
    [theCase('Attention', 23, {}, [x, x, x], { results: 4 }), /output 1 is not supported/],
    [
      theCase('RotaryEmbedding', 23, { rotary_embedding_dim: 3 }, [x, sample([1, 3, 1]), sample([1, 3, 1])]),
      /rotary_embedding_dim is 3/,
    ],
    [theCase('DequantizeLinear', 21, { axis: 3, block_size: 3 }, [codes([1, 4]), f32([1, 1], [1])]), /axis 3/],
    [theCase('Cast', 19, { to: 17 }, [x]), /float8e4m3fn are not supported/],
    [theCase('QuantizeLinear', 21, { output_dtype: 22 }, [x, f32([], [1])]), /int4 are not supported/],
  ])('$0.name', ({ opset, node, inputs, results }, message) => {
    const names = inputs.map((tensor, i) => (tensor ? `x${i}` : ''));
    const out = Array.from({ length: results }, (_, i) => `y${i}`);
    const given = inputs.flatMap((tensor, i) => (tensor ? [[`x${i}`, tensor] as const] : []));
    const path = writeModel({
      opset,
      inputs: Object.fromEntries(given),
      outputs: { y0: null },
      nodes: [{ ...node, in: names, out }],
    });
    expect(() => importModel(path)).toThrow(message);
  });
});
