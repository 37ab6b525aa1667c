import type { Editor } from '../ir/edit.js';
import { editGraph } from '../ir/edit.js';
import type { Constant, Graph, Node, NodeOf, ValueId } from '../ir/graph.js';
import type { SoftmaxQuantizer } from '../ir/integer/attention-parameters.js';
import { dequantizeMultipliers, foldedBias, quantizeRows } from '../ir/integer/weights.js';
import { isStatic } from '../ir/scalar.js';
import type { Quantization } from '../ir/types.js';
import { ATTENTION } from './scale-query-key.js';

/** How the weights of one layer become codes. */
export interface LayerPlan {
  readonly bits: number;
  /** One scale for each output channel: w ≈ scale · code. */
  readonly scales: Float32Array;
  /** Codes decided elsewhere (second-order rounding); absent: the nearest ones. */
  readonly codes?: Int8Array;
  /** Added to the bias: what quantization takes from the mean of each output channel. */
  readonly biasShift?: Float32Array;
}

/** What the codes of an activation mean. */
export interface ActivationCodes extends Quantization {
  /** Of its 8-bit codes only these occur, so few as codes of fewer bits can name; absent: all. */
  readonly levels?: readonly number[];
}

/** What calibration decided, keyed by values of the program being quantized. */
export interface QuantizationPlan {
  /** By the layer's result. Layers that are not here stay in float. */
  readonly layers: ReadonlyMap<ValueId, LayerPlan>;
  /** Quantization of each activation that a quantized layer or attention reads. */
  readonly activations: ReadonlyMap<ValueId, ActivationCodes>;
  /** The coding of the probabilities of each quantized attention, by its result. */
  readonly softmaxes: ReadonlyMap<ValueId, SoftmaxQuantizer>;
}

/** The relative-position tables stay at 8 bits: they are small, and their terms add to every logit. */
const TABLE_BITS = 8;

function floatsOf(constant: Constant | undefined): Float32Array | undefined {
  const data = constant?.load().data;
  return data instanceof Float32Array ? data : undefined;
}

export type QuantizableNode = NodeOf<'linear'> | NodeOf<'conv'>;

/** A layer whose product can run on integers: float32, constant weights, one group. */
export function isQuantizable(editor: Pick<Editor, 'constant' | 'type'>, node: Node): node is QuantizableNode {
  if (node.op !== 'linear' && node.op !== 'conv') return false;
  const [x, weight, bias] = node.operands;
  if (x == null || weight == null || editor.constant(weight) === undefined) return false;
  if (bias != null && editor.constant(bias) === undefined) return false;
  const type = editor.type(weight);
  if (type.dtype !== 'f32' || !isStatic(type.shape)) return false;
  return node.op === 'linear' || (node.attrs.groups === 1 && type.shape.length === 4);
}

/** The codes of a value. */
export function quantized(editor: Editor, value: ValueId, { levels, ...quant }: ActivationCodes): ValueId {
  const codes = editor.emitOne('quantize', [value], { quant });
  return levels === undefined ? codes : editor.emitOne('snap', [codes], { levels });
}

/** The integer form of a layer, with float32 result. */
export function quantizedLayer(
  editor: Editor,
  node: QuantizableNode,
  layer: LayerPlan,
  quant: ActivationCodes,
): ValueId {
  const [x, weight, bias, residual] = node.operands as [ValueId, ValueId, ...(ValueId | null | undefined)[]];
  const { bits, scales } = layer;
  const shape = editor.type(weight).shape as readonly number[];
  const [n, k] = [shape[0]!, shape.slice(1).reduce((a, b) => a * b, 1)];
  const constant = editor.constant(weight)!;
  // The codes are made again when they are packed: at no time are all of a model's weights in memory.
  const codesOf = (): Int8Array => layer.codes ?? quantizeRows(constant.load().data as Float32Array, k, scales, bits);
  const own = bias == null ? undefined : floatsOf(editor.constant(bias));
  const { biasShift } = layer;
  const corrected = biasShift?.map((shift, j) => shift + (own?.[j] ?? 0)) ?? own;
  const folded = foldedBias({ codes: codesOf(), scales }, k, corrected, quant);
  const operands = [
    quantized(editor, x, quant),
    editor.addConstant({ dtype: 'i8', shape }, editor.name(weight), () => ({ dtype: 'i8', shape, data: codesOf() })),
    editor.addTensor({ dtype: 'i32', shape: [n], data: folded }, ''),
    editor.addTensor({ dtype: 'f32', shape: [n], data: dequantizeMultipliers(scales, quant) }, ''),
    residual ?? null,
  ];
  if (node.op === 'linear')
    return editor.emitOne('integer_linear', operands, { activation: node.attrs.activation, weight_bits: bits });
  return editor.emitOne('integer_conv', operands, {
    activation: node.attrs.activation,
    weight_bits: bits,
    x_zero_point: quant.zeroPoint,
    strides: node.attrs.strides,
    dilations: node.attrs.dilations,
    pads_before: node.attrs.pads_before,
    pads_after: node.attrs.pads_after,
  });
}

function quantizeLayer(editor: Editor, node: QuantizableNode, plan: QuantizationPlan): void {
  const result = node.results[0]!;
  const layer = plan.layers.get(result);
  const quant = plan.activations.get(node.operands[0]!);
  if (layer === undefined || quant === undefined) return;
  editor.at(node);
  editor.replace(result, quantizedLayer(editor, node, layer, quant));
}

/** A relative-position table as signed codes with one scale. */
function quantizedTable(editor: Editor, table: ValueId | null | undefined): { value: ValueId | null; scale: number } {
  if (table == null) return { value: null, scale: 0 };
  const { data, shape } = editor.constant(table)!.load();
  const values = data as Float32Array;
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  const scale = largest === 0 ? 1 : Math.fround(largest / (2 ** (TABLE_BITS - 1) - 1));
  const codes = quantizeRows(values, values.length, Float32Array.of(scale), TABLE_BITS);
  return { value: editor.addTensor({ dtype: 'i8', shape, data: codes }, editor.name(table)), scale };
}

/** Why an attention cannot run on integers, or undefined where it can. */
export function attentionObstacle(editor: Pick<Editor, 'constant'>, node: NodeOf<'attention'>): string | undefined {
  for (const index of [ATTENTION.relHeight, ATTENTION.relWidth, ATTENTION.keyPad, ATTENTION.valuePad]) {
    const value = node.operands[index];
    if (value != null && editor.constant(value) === undefined)
      return 'its relative-position tables or padding are computed at run time';
  }
  return undefined;
}

const affine = ({ scale, zeroPoint, bits }: ActivationCodes): Quantization => ({ scale, zeroPoint, bits });

/** The integer form of an attention, with float32 result: codes of q, k, v and the padded tokens, 8-bit tables. */
export function quantizedAttention(
  editor: Editor,
  node: NodeOf<'attention'>,
  q: ActivationCodes,
  k: ActivationCodes,
  v: ActivationCodes,
  softmax: SoftmaxQuantizer,
): ValueId {
  const height = quantizedTable(editor, node.operands[ATTENTION.relHeight]);
  const width = quantizedTable(editor, node.operands[ATTENTION.relWidth]);
  const codes = (index: number, quant: ActivationCodes): ValueId | null => {
    const value = node.operands[index];
    return value == null ? null : quantized(editor, value, quant);
  };
  const operands = [
    codes(ATTENTION.q, q),
    codes(ATTENTION.k, k),
    codes(ATTENTION.v, v),
    node.operands[ATTENTION.bias] ?? null,
    height.value,
    width.value,
    codes(ATTENTION.keyPad, k),
    codes(ATTENTION.valuePad, v),
  ];
  return editor.emitOne('integer_attention', operands, {
    heads: node.attrs.heads,
    scale: node.attrs.scale,
    window: node.attrs.window,
    q: affine(q),
    k: affine(k),
    v: affine(v),
    quantizer: softmax.quantizer,
    softmax_bits: softmax.bits,
    tau: softmax.tau,
    offset: softmax.offset,
    reference: softmax.reference,
    ...(height.value !== null && { rel_height_scale: height.scale, rel_width_scale: width.scale }),
  });
}

function quantizeAttention(editor: Editor, node: NodeOf<'attention'>, plan: QuantizationPlan): void {
  const softmax = plan.softmaxes.get(node.results[0]!);
  const [q, k, v] = [ATTENTION.q, ATTENTION.k, ATTENTION.v].map((index) => plan.activations.get(node.operands[index]!));
  if (softmax === undefined || q === undefined || k === undefined || v === undefined) return;
  editor.at(node);
  editor.replace(node.results[0]!, quantizedAttention(editor, node, q, k, v, softmax));
}

/**
 * Puts integers where the plan says: each quantized layer reads codes of its input and gives float32, each quantized
 * attention reads codes of q, k and v. What lies between two of them is fused by `lower-to-integer`.
 */
export function insertQuantize(graph: Graph, plan: QuantizationPlan): Graph {
  const editor = editGraph(graph);
  for (const node of graph.nodes) {
    if (node.op === 'attention') quantizeAttention(editor, node, plan);
    else if (isQuantizable(editor, node)) quantizeLayer(editor, node, plan);
  }
  return editor.finish();
}
