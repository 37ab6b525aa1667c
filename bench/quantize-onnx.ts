/**
 * onnxruntime's two 8-bit forms of a model, made of ONNX's public operators as its own tool makes them. To compare with.
 */
import { existsSync, readFileSync } from 'node:fs';
import { onnx } from '../src/ir/onnx/proto.js';
import { readTensor, type StoredTensor, type TensorFields } from '../src/ir/onnx/read-tensor.js';
import { elementCount, type Tensor } from '../src/ir/types.js';
import { type NodeProto, type OnnxWriter, openOnnxWriter, type TensorProto } from './onnx-writer.js';

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** What a rewriting rule may do. */
interface Context {
  readonly constants: ReadonlyMap<string, StoredTensor>;
  readonly emit: (opType: string, input: readonly string[], output: string | string[], attribute?: Attributes) => void;
  readonly constant: (name: string, tensor: Tensor) => string;
  /** A name that nothing has. */
  readonly fresh: (of: string) => string;
}
type Attributes = readonly NonNullable<NodeProto['attribute']>[number][];
/** Emits a replacement of the node and returns true, or leaves it as it is. */
type Rule = (node: NodeProto, context: Context) => boolean;

const scalar = (value: number): Tensor => ({ dtype: 'f32', shape: [], data: Float32Array.of(value) });
const attributeOf = (node: NodeProto, name: string): number | undefined => {
  const found = node.attribute?.find((attribute) => attribute.name === name);
  return found === undefined ? undefined : Number(found.f || found.i);
};
const integer = (name: string, i: number): Attributes[number] => ({ name, i, type: 2 });

/** Writes `source`, each node by `rule`, to `target`, last of all: where that is, it is whole. */
function rewrite(
  source: string,
  target: string,
  rule: Rule,
  more?: (context: Context, outputs: string[]) => void,
): void {
  if (existsSync(target)) return;
  const model = onnx.ModelProto.decode(readFileSync(source));
  const graph = model.graph;
  if (!graph) throw new Error(`${source}: no graph`);
  const writer: OnnxWriter = openOnnxWriter(target);
  const stored = (graph.initializer ?? []).map((tensor) => readTensor(tensor as TensorFields, source));
  const node: NodeProto[] = [];
  const initializer: TensorProto[] = [];
  let count = 0;
  const context: Context = {
    constants: new Map(stored.map((tensor) => [tensor.name, tensor])),
    emit: (opType, input, output, attribute = []) => {
      node.push({ opType, input: [...input], output: [output].flat(), attribute: [...attribute], name: `q${count++}` });
    },
    constant: (name, tensor) => {
      initializer.push(writer.store(name, tensor));
      return name;
    },
    fresh: (of) => `${of}__${count++}`,
  };
  for (const original of graph.node ?? []) if (!rule(original, context)) node.push(original);
  const added: string[] = [];
  more?.(context, added);
  const read = new Set(node.flatMap(({ input }) => input ?? []));
  for (const tensor of stored) if (read.has(tensor.name)) initializer.push(writer.store(tensor.name, tensor.load()));
  const output = [
    ...(graph.output ?? []),
    ...added.map((name) => ({ name, type: { tensorType: { elemType: 1, shape: { dim: [] } } } })),
  ];
  writer.finish({ ...model, graph: { ...graph, node, initializer, output } });
}

interface QuantizedWeight {
  readonly codes: Tensor;
  /** One for each output channel. */
  readonly scales: Float32Array;
}

/** Symmetric 8-bit codes with a scale for each index of `axis` (0 or the last). */
function quantizeWeight({ data, shape }: Tensor, axis: number): QuantizedWeight {
  const channels = shape[axis] ?? 1;
  const inner = axis === 0 ? elementCount(shape) / channels : 1;
  const channelOf = (i: number): number => (axis === 0 ? Math.floor(i / inner) : i % channels);
  const scales = new Float32Array(channels).fill(2 ** -100);
  for (let i = 0; i < data.length; i++)
    scales[channelOf(i)] = Math.max(scales[channelOf(i)]!, Math.abs(Number(data[i])) / 127);
  const codes = new Int8Array(data.length);
  for (let i = 0; i < data.length; i++) codes[i] = Math.round(Number(data[i]) / scales[channelOf(i)]!);
  return { codes: { dtype: 'i8', shape, data: codes }, scales };
}

function transposed({ data, shape }: Tensor): Tensor {
  const [rows = 0, columns = 0] = shape;
  const result = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) result[j * rows + i] = Number(data[i * columns + j]);
  return { dtype: 'f32', shape: [columns, rows], data: result };
}

/** The product of a MatMul or Gemm by a constant [k, n]. */
interface ConstantProduct {
  readonly x: string;
  readonly weight: Tensor;
  readonly bias: string | undefined;
}

function constantProduct(node: NodeProto, { constants }: Context): ConstantProduct | undefined {
  const [x, w, bias] = node.input ?? [];
  const weight = constants.get(w ?? '');
  if (x === undefined || weight?.dtype !== 'f32' || weight.shape.length !== 2) return undefined;
  if (node.opType === 'MatMul') return { x, weight: weight.load(), bias: undefined };
  const plain = ['alpha', 'beta'].every((name) => (attributeOf(node, name) ?? 1) === 1) && !attributeOf(node, 'transA');
  if (node.opType !== 'Gemm' || !plain) return undefined;
  return { x, weight: attributeOf(node, 'transB') ? transposed(weight.load()) : weight.load(), bias };
}

/** DynamicQuantizeLinear and MatMulInteger for every product by a constant, as onnxruntime's `quantize_dynamic` writes it. */
export function rewriteDynamic(source: string, target: string): void {
  const activations = new Map<string, readonly string[]>();
  rewrite(source, target, (node, context) => {
    const product = constantProduct(node, context);
    const [result] = node.output ?? [];
    if (product === undefined || result === undefined) return false;
    const { codes, scales } = quantizeWeight(product.weight, 1);
    let x = activations.get(product.x);
    if (x === undefined) {
      x = [context.fresh(product.x), context.fresh(product.x), context.fresh(product.x)];
      context.emit('DynamicQuantizeLinear', [product.x], [...x]);
      activations.set(product.x, x);
    }
    const [q, scale, zero] = x as readonly [string, string, string];
    const weight = context.constant(context.fresh('weight'), codes);
    const weightScale = context.constant(context.fresh('scale'), {
      dtype: 'f32',
      shape: [scales.length],
      data: scales,
    });
    const [sum, real, factor] = [context.fresh('sum'), context.fresh('real'), context.fresh('factor')];
    context.emit('MatMulInteger', [q, weight, zero], sum);
    context.emit('Cast', [sum], real, [integer('to', 1)]);
    context.emit('Mul', [scale, weightScale], factor);
    const out = product.bias === undefined ? result : context.fresh(result);
    context.emit('Mul', [real, factor], out);
    if (product.bias !== undefined) context.emit('Add', [out, product.bias], result);
    return true;
  });
}

/** Tensors whose ranges the static form needs: inputs of its products and convolutions, results of the latter. */
function observed(node: NodeProto, { constants }: Pick<Context, 'constants'>): string[] {
  if (!['MatMul', 'Gemm', 'Conv'].includes(node.opType ?? '')) return [];
  const inputs = (node.input ?? []).slice(0, 2).filter((name) => !constants.has(name));
  return node.opType === 'Conv' ? [...inputs, ...(node.output ?? [])] : inputs;
}

/** A model that gives the least and the largest element of each tensor that the static form quantizes, as outputs `min:…`, `max:…`. */
export function rewriteToObserve(source: string, target: string): void {
  const names = new Set<string>();
  rewrite(
    source,
    target,
    (node, context) => {
      for (const name of observed(node, context)) names.add(name);
      return false;
    },
    ({ emit }, outputs) => {
      for (const name of names)
        for (const [label, op] of [
          ['min', 'ReduceMin'],
          ['max', 'ReduceMax'],
        ] as const) {
          emit(op, [name], `${label}:${name}`, [integer('keepdims', 0)]);
          outputs.push(`${label}:${name}`);
        }
    },
  );
}

/** QuantizeLinear and DequantizeLinear around every MatMul, Gemm and Conv, as onnxruntime's `quantize_static` writes it. */
export function rewriteStatic(source: string, target: string, ranges: ReadonlyMap<string, Range>): void {
  const activations = new Map<string, { readonly name: string; readonly scale: number }>();
  /** x quantized and back, once for all its readers. */
  const around = (x: string, context: Context, out = context.fresh(x), range = x) => {
    const known = activations.get(x);
    if (known) return known;
    const { min, max } = ranges.get(range) ?? { min: 0, max: 1 };
    const scale = Math.fround(Math.max((Math.max(max, 0) - Math.min(min, 0)) / 255, 1e-10));
    const zero = Math.min(255, Math.max(0, Math.round(-Math.min(min, 0) / scale)));
    const scaleName = context.constant(context.fresh('scale'), scalar(scale));
    const zeroName = context.constant(context.fresh('zero'), { dtype: 'u8', shape: [], data: Uint8Array.of(zero) });
    const codes = context.fresh(x);
    context.emit('QuantizeLinear', [x, scaleName, zeroName], codes);
    context.emit('DequantizeLinear', [codes, scaleName, zeroName], out);
    activations.set(x, { name: out, scale });
    return { name: out, scale };
  };
  const dequantized = (tensor: Tensor, scales: Float32Array, axis: number, context: Context): string => {
    const codes = context.constant(context.fresh('codes'), tensor);
    const scale = context.constant(context.fresh('scale'), { dtype: 'f32', shape: [scales.length], data: scales });
    const zeros = tensor.dtype === 'i8' ? new Int8Array(scales.length) : new Int32Array(scales.length);
    const zero = context.constant(context.fresh('zero'), { dtype: tensor.dtype, shape: [scales.length], data: zeros });
    const out = context.fresh('weight');
    context.emit('DequantizeLinear', [codes, scale, zero], out, [integer('axis', axis)]);
    return out;
  };
  const convolution = (node: NodeProto, context: Context): boolean => {
    const [x, w, b] = node.input ?? [];
    const [result] = node.output ?? [];
    const weight = context.constants.get(w ?? '');
    if (x === undefined || result === undefined || weight?.dtype !== 'f32') return false;
    const { codes, scales } = quantizeWeight(weight.load(), 0);
    const input = around(x, context);
    const inputs = [input.name, dequantized(codes, scales, 0, context)];
    const bias = context.constants.get(b ?? '')?.load().data;
    if (bias !== undefined) {
      const biasScales = scales.map((scale) => scale * input.scale);
      const data = Int32Array.from(biasScales, (scale, j) => Math.round(Number(bias[j]) / scale));
      inputs.push(dequantized({ dtype: 'i32', shape: [data.length], data }, biasScales, 0, context));
    }
    const sum = context.fresh(result);
    context.emit('Conv', inputs, sum, node.attribute ?? []);
    activations.set(result, around(sum, context, result, result));
    return true;
  };
  rewrite(source, target, (node, context) => {
    if (node.opType === 'Conv') return convolution(node, context);
    const [result] = node.output ?? [];
    if (result === undefined || (node.opType !== 'MatMul' && node.opType !== 'Gemm')) return false;
    const product = constantProduct(node, context);
    if (product) {
      const { codes, scales } = quantizeWeight(product.weight, 1);
      const out = product.bias === undefined ? result : context.fresh(result);
      context.emit('MatMul', [around(product.x, context).name, dequantized(codes, scales, 1, context)], out);
      if (product.bias !== undefined) context.emit('Add', [out, product.bias], result);
      return true;
    }
    const [a, b] = node.input ?? [];
    if (node.opType !== 'MatMul' || a === undefined || b === undefined) return false;
    if (context.constants.has(a) || context.constants.has(b)) return false;
    context.emit('MatMul', [around(a, context).name, around(b, context).name], result);
    return true;
  });
}
