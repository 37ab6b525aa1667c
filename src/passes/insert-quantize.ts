import type { Editor } from '../ir/edit.js';
import { editGraph } from '../ir/edit.js';
import type { Constant, Graph, Node, NodeOf, ValueId } from '../ir/graph.js';
import type { SoftmaxQuantizer } from '../ir/integer/attention-parameters.js';
import { dequantizeMultipliers, foldedBias, quantizeRows, weightScales } from '../ir/integer/weights.js';
import { isStatic } from '../ir/scalar.js';
import type { Quantization } from '../ir/types.js';
import { ATTENTION } from './scale-query-key.js';

/** What calibration decided, keyed by values of the program being quantized. */
export interface QuantizationPlan {
  /** Bits of the weights of each quantized layer, by its result. Layers that are not here stay in float. */
  readonly layers: ReadonlyMap<ValueId, number>;
  /** Quantization of each activation that a quantized layer or attention reads. */
  readonly activations: ReadonlyMap<ValueId, Quantization>;
  /** The coding of the probabilities of each quantized attention, by its result. */
  readonly softmaxes: ReadonlyMap<ValueId, SoftmaxQuantizer>;
  /** Codes of weights decided elsewhere (second-order rounding), by the layer's result. */
  readonly codes?: ReadonlyMap<ValueId, { readonly codes: Int8Array; readonly scales: Float32Array }>;
}

/** The relative-position tables stay at 8 bits: they are small, and their terms add to every logit. */
const TABLE_BITS = 8;

function floatsOf(constant: Constant | undefined): Float32Array | undefined {
  const data = constant?.load().data;
  return data instanceof Float32Array ? data : undefined;
}

/** A layer whose product can run on integers: float32, constant weights, one group. */
export function isQuantizable(
  editor: Pick<Editor, 'constant' | 'type'>,
  node: Node,
): node is NodeOf<'linear'> | NodeOf<'conv'> {
  if (node.op !== 'linear' && node.op !== 'conv') return false;
  const [x, weight, bias] = node.operands;
  if (x == null || weight == null || editor.constant(weight) === undefined) return false;
  if (bias != null && editor.constant(bias) === undefined) return false;
  const type = editor.type(weight);
  if (type.dtype !== 'f32' || !isStatic(type.shape)) return false;
  return node.op === 'linear' || (node.attrs.groups === 1 && type.shape.length === 4);
}

const quantized = (editor: Editor, value: ValueId, quant: Quantization): ValueId =>
  editor.emitOne('quantize', [value], { quant });

function quantizeLayer(editor: Editor, node: NodeOf<'linear'> | NodeOf<'conv'>, plan: QuantizationPlan): void {
  const [x, weight, bias, residual] = node.operands as [
    ValueId,
    ValueId,
    ValueId | null | undefined,
    ValueId | null | undefined,
  ];
  const result = node.results[0]!;
  const bits = plan.layers.get(result);
  const quant = plan.activations.get(x);
  if (bits === undefined || quant === undefined) return;
  const weightType = editor.type(weight);
  const shape = weightType.shape as readonly number[];
  const [n, k] = [shape[0]!, shape.slice(1).reduce((a, b) => a * b, 1)];
  const constant = editor.constant(weight)!;
  const weights = constant.load().data as Float32Array;
  const given = plan.codes?.get(result);
  const scales = given?.scales ?? weightScales(weights, k, bits);
  const codes = given?.codes ?? quantizeRows(weights, k, scales, bits);
  const folded = foldedBias({ codes, scales }, k, bias == null ? undefined : floatsOf(editor.constant(bias)), quant);
  editor.at(node);
  const operands = [
    quantized(editor, x, quant),
    // The codes are made again when they are packed: at no time are all of a model's weights in memory.
    editor.addConstant({ dtype: 'i8', shape }, editor.name(weight), () => ({
      dtype: 'i8',
      shape,
      data: given?.codes ?? quantizeRows(constant.load().data as Float32Array, k, scales, bits),
    })),
    editor.addTensor({ dtype: 'i32', shape: [n], data: folded }, ''),
    editor.addTensor({ dtype: 'f32', shape: [n], data: dequantizeMultipliers(scales, quant) }, ''),
    residual ?? null,
  ];
  const replacement =
    node.op === 'linear'
      ? editor.emitOne('integer_linear', operands, { activation: node.attrs.activation, weight_bits: bits })
      : editor.emitOne('integer_conv', operands, {
          activation: node.attrs.activation,
          weight_bits: bits,
          x_zero_point: quant.zeroPoint,
          strides: node.attrs.strides,
          dilations: node.attrs.dilations,
          pads_before: node.attrs.pads_before,
          pads_after: node.attrs.pads_after,
        });
  editor.replace(result, replacement);
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

function quantizeAttention(editor: Editor, node: NodeOf<'attention'>, plan: QuantizationPlan): void {
  const softmax = plan.softmaxes.get(node.results[0]!);
  const [q, k, v] = node.operands as [ValueId, ValueId, ValueId];
  const quants = [q, k, v].map((value) => plan.activations.get(value));
  const [qq, qk, qv] = quants;
  if (softmax === undefined || qq === undefined || qk === undefined || qv === undefined) return;
  editor.at(node);
  const height = quantizedTable(editor, node.operands[ATTENTION.relHeight]);
  const width = quantizedTable(editor, node.operands[ATTENTION.relWidth]);
  const pad = (value: ValueId | null | undefined, quant: Quantization): ValueId | null =>
    value == null ? null : quantized(editor, value, quant);
  const operands = [
    quantized(editor, q, qq),
    quantized(editor, k, qk),
    quantized(editor, v, qv),
    node.operands[ATTENTION.bias] ?? null,
    height.value,
    width.value,
    pad(node.operands[ATTENTION.keyPad], qk),
    pad(node.operands[ATTENTION.valuePad], qv),
  ];
  const replacement = editor.emitOne('integer_attention', operands, {
    heads: node.attrs.heads,
    scale: node.attrs.scale,
    window: node.attrs.window,
    q: qq,
    k: qk,
    v: qv,
    quantizer: softmax.quantizer,
    softmax_bits: softmax.bits,
    tau: softmax.tau,
    offset: softmax.offset,
    reference: softmax.reference,
    ...(height.value !== null && { rel_height_scale: height.scale, rel_width_scale: width.scale }),
  });
  editor.replace(node.results[0]!, replacement);
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
