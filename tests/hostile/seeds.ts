import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tensor } from '../../src/ir/types.js';
import { type AttributeValue, encodeModel, f32, type InfoSpec, i64, type ModelSpec } from '../ir/onnx/build-model.js';
import { miniDecoder, miniEncoder } from './mini-sam.js';

/** Small models that reach every part of the importer and of the passes: what mutations start from. */

const floats = (...shape: readonly (number | string)[]): InfoSpec => ({ dtype: 'f32', shape });
const ramp = (...shape: readonly number[]): Tensor =>
  f32(
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (i % 7) - 3),
  );
type Operand = InfoSpec | Tensor | null;

/** A model of one node. Tensors are initializers, types are inputs, null is an absent operand. */
function one(
  op: string,
  operands: readonly Operand[],
  attrs: Readonly<Record<string, AttributeValue>> = {},
  results = 1,
  opset = 17,
): ModelSpec {
  const inputs: Record<string, InfoSpec> = {};
  const initializers: Record<string, Tensor> = {};
  const names = operands.map((operand, i) => {
    if (operand === null) return '';
    if ('data' in operand) initializers[`w${i}`] = operand;
    else inputs[`x${i}`] = operand;
    return 'data' in operand ? `w${i}` : `x${i}`;
  });
  const outputs = Array.from({ length: results }, (_, i) => `y${i}`);
  return {
    opset,
    inputs,
    initializers,
    outputs: Object.fromEntries(outputs.map((name) => [name, null])),
    nodes: [{ op, in: names, out: outputs, name: `the ${op}`, attrs }],
  };
}

const u8 = (shape: readonly number[], values: readonly number[]): Tensor => ({
  dtype: 'u8',
  shape,
  data: Uint8Array.from(values),
});
const indices = (...shape: readonly number[]): InfoSpec => ({ dtype: 'i64', shape });
const x = floats(2, 3);
const image = floats(1, 4, 6, 6);

const MODELS: readonly ModelSpec[] = [
  one('Gelu', [x], {}, 1, 20),
  one('Clip', [x, f32([], [-1]), f32([], [1])]),
  one('Pow', [x, f32([], [2])]),
  one('Where', [{ dtype: 'bool', shape: [3] }, x, x]),
  one('Cast', [x], { to: 7 }),
  one('Reshape', [floats('n', 4, 3), i64([2], [-1, 12])]),
  one('Transpose', [floats(2, 'n', 4)], { perm: [2, 0, 1] }),
  one('Slice', [floats(6, 'n'), i64([1], [1]), i64([1], [-1]), i64([1], [0]), i64([1], [2])]),
  one('Concat', [x, x, floats('n', 3)], { axis: 0 }),
  one('Split', [floats(6, 2), i64([2], [2, 4])], { axis: 0 }, 2),
  one('Pad', [x, i64([4], [0, 1, 2, 0]), f32([], [1])], { mode: 'constant' }),
  one('Tile', [x, i64([2], [2, 3])]),
  one('Expand', [floats(1, 3), i64([3], [2, 4, 3])]),
  one('Squeeze', [floats(1, 3, 1), i64([2], [0, -1])]),
  one('Unsqueeze', [x, i64([2], [0, -1])]),
  one('Flatten', [floats(2, 3, 'n')], { axis: 1 }),
  one('DepthToSpace', [image], { blocksize: 2 }),
  one('Gather', [floats(5, 3), i64([2], [0, -1])], { axis: 0 }),
  one('GatherElements', [x, indices(2, 3)], { axis: 1 }),
  one('GatherND', [x, i64([2, 1], [0, 1])]),
  one('ScatterND', [floats(4, 2), i64([2, 1], [1, 3]), floats(2, 2)]),
  one('ScatterElements', [x, i64([1, 3], [0, 1, 0]), floats(1, 3)], { axis: 0, reduction: 'add' }, 1, 18),
  one('OneHot', [i64([3], [0, 1, 5]), i64([], [4]), f32([2], [0, 1])], { axis: -1 }),
  one('Range', [i64([], [0]), i64([], [7]), i64([], [2])]),
  one('ConstantOfShape', [i64([2], [3, 4])], { value: f32([1], [2]) }),
  one('Constant', [], { value: ramp(2, 2) }),
  one('EyeLike', [x], { k: 1 }),
  one('Trilu', [floats(4, 4), i64([], [1])], { upper: 0 }),
  one('ReduceMean', [x], { axes: [1], keepdims: 1 }),
  one('ReduceSum', [x, i64([1], [0])], { keepdims: 0 }),
  one('ArgMax', [x], { axis: 1, select_last_index: 1 }),
  one('TopK', [x, i64([1], [2])], { axis: 1, largest: 1 }, 2),
  one('CumSum', [x, i64([], [1])], { exclusive: 1, reverse: 1 }),
  one('MatMul', [floats(2, 'n', 4), ramp(4, 3)]),
  one('Gemm', [x, ramp(4, 3), ramp(4)], { transB: 1, alpha: 0.5 }),
  one('Einsum', [floats(2, 3, 4), floats(2, 4, 5)], { equation: 'bij,bjk->bik' }),
  one('Conv', [image, ramp(6, 2, 3, 3), ramp(6)], { group: 2, pads: [1, 1, 1, 1], strides: [2, 1], dilations: [1, 2] }),
  one('ConvTranspose', [image, ramp(4, 3, 2, 2)], { strides: [2, 2], output_padding: [1, 0] }),
  one('MaxPool', [image], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }),
  one('AveragePool', [image], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }),
  one('GlobalAveragePool', [image]),
  one('Resize', [image, null, f32([4], [1, 1, 1.5, 2])], {
    mode: 'linear',
    coordinate_transformation_mode: 'half_pixel',
  }),
  one('Resize', [image, null, null, i64([4], [1, 4, 9, 5])], { mode: 'cubic', cubic_coeff_a: { float: -0.5 } }),
  one('GridSample', [image, floats(1, 3, 3, 2)], { mode: 'bilinear', padding_mode: 'zeros' }, 1, 16),
  one('LayerNormalization', [floats(2, 'n', 4), ramp(4), ramp(4)], { axis: -1, epsilon: 1e-5 }),
  one('BatchNormalization', [image, ramp(4), ramp(4), ramp(4), f32([4], [1, 1, 2, 3])], { epsilon: 1e-5 }),
  one('InstanceNormalization', [image, ramp(4), ramp(4)]),
  one('Softmax', [floats(2, 4, 'n')], { axis: -1 }),
  one('LogSoftmax', [x], { axis: 0 }),
  one('QuantizeLinear', [x, f32([], [0.5]), u8([], [3])]),
  one('DequantizeLinear', [u8([2, 3], [1, 2, 3, 4, 5, 6]), f32([], [0.5]), u8([], [3])]),
  one('Mod', [indices(4), i64([1], [3])]),
  // Shape arithmetic, of a symbol and of an input's elements.
  {
    inputs: { x: floats(2, 'n', 4), size: { dtype: 'i64', shape: [2] } },
    outputs: { y: null, z: null },
    initializers: { one: i64([1], [1]), zero: i64([1], [0]), scales: f32([1], [0.5]) },
    nodes: [
      { op: 'Shape', in: ['x'], out: ['s'] },
      { op: 'Gather', in: ['s', 'one'], out: ['n'] },
      { op: 'Add', in: ['n', 'one'], out: ['m'] },
      { op: 'Concat', in: ['zero', 'm'], out: ['padding'], attrs: { axis: 0 } },
      { op: 'ConstantOfShape', in: ['m'], out: ['fill'], attrs: { value: f32([1], [1]) } },
      { op: 'Cast', in: ['m'], out: ['wide'], attrs: { to: 1 } },
      { op: 'Mul', in: ['wide', 'scales'], out: ['half'] },
      { op: 'Floor', in: ['half'], out: ['floor'] },
      { op: 'Cast', in: ['floor'], out: ['count'], attrs: { to: 7 } },
      { op: 'Slice', in: ['fill', 'zero', 'count', 'zero'], out: ['y'] },
      { op: 'Expand', in: ['one', 'size'], out: ['z'] },
    ],
  },
  // What passes look for: GELU of Erf, a layer norm of means, a sum with a residual.
  {
    inputs: { x: floats(1, 'n', 8) },
    outputs: { y: floats(1, 'n', 8) },
    initializers: {
      w: ramp(8, 8),
      b: ramp(8),
      two: f32([], [2]),
      eps: f32([], [1e-6]),
      root: f32([], [Math.SQRT2]),
      half: f32([], [0.5]),
      one: f32([], [1]),
    },
    nodes: [
      { op: 'ReduceMean', in: ['x'], out: ['mean'], attrs: { axes: [-1], keepdims: 1 } },
      { op: 'Sub', in: ['x', 'mean'], out: ['centred'] },
      { op: 'Pow', in: ['centred', 'two'], out: ['square'] },
      { op: 'ReduceMean', in: ['square'], out: ['variance'], attrs: { axes: [-1], keepdims: 1 } },
      { op: 'Add', in: ['variance', 'eps'], out: ['safe'] },
      { op: 'Sqrt', in: ['safe'], out: ['deviation'] },
      { op: 'Div', in: ['centred', 'deviation'], out: ['norm'] },
      { op: 'Mul', in: ['norm', 'b'], out: ['scaled'] },
      { op: 'Add', in: ['scaled', 'b'], out: ['shifted'] },
      { op: 'MatMul', in: ['shifted', 'w'], out: ['product'] },
      { op: 'Add', in: ['product', 'b'], out: ['linear'] },
      { op: 'Div', in: ['linear', 'root'], out: ['scaled2'] },
      { op: 'Erf', in: ['scaled2'], out: ['erf'] },
      { op: 'Add', in: ['erf', 'one'], out: ['plus'] },
      { op: 'Mul', in: ['linear', 'plus'], out: ['gated'] },
      { op: 'Mul', in: ['gated', 'half'], out: ['gelu'] },
      { op: 'Add', in: ['gelu', 'x'], out: ['y'] },
    ],
  },
  // External data, which is there and which is not.
  {
    inputs: { x: floats(4) },
    outputs: { y: null },
    nodes: [{ op: 'Add', in: ['x', 'w'], out: ['y'] }],
    raw: [
      {
        name: 'w',
        dataType: 1,
        dims: [4],
        dataLocation: 1,
        externalData: [
          { key: 'location', value: 'w.bin' },
          { key: 'offset', value: '4' },
          { key: 'length', value: '16' },
        ],
      },
    ],
  },
  {
    inputs: { x: floats(4) },
    outputs: { y: null },
    nodes: [{ op: 'Add', in: ['x', 'w'], out: ['y'] }],
    raw: [
      {
        name: 'w',
        dataType: 1,
        dims: [4],
        dataLocation: 1,
        externalData: [{ key: 'location', value: '../../../../etc/passwd' }],
      },
    ],
  },
];

/** Size of the file of external data that lies beside fuzzed models, in bytes. */
export const EXTERNAL_BYTES = 64;

const LARGEST_SEED = 4096;

/** Seeds of this project, and the operator tests of the ONNX project where they are at hand. */
export function modelSeeds(onnxTests: string | undefined): readonly Uint8Array[] {
  const own = [...MODELS, miniEncoder(), miniDecoder()].map(encodeModel);
  if (onnxTests === undefined || !existsSync(onnxTests)) return own;
  const files = readdirSync(onnxTests, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('model.onnx'))
    .sort()
    .map((path) => readFileSync(join(onnxTests, path)));
  return [...own, ...files.filter(({ length }) => length < LARGEST_SEED)];
}
