import { type Editor, editGraph } from '../ir/edit.js';
import type { Constant, Graph, Node, NodeOf, ValueId } from '../ir/graph.js';
import { scalarsEqual } from '../ir/scalar.js';
import type { Quantization } from '../ir/types.js';

type Quantize = NodeOf<'quantize'>;
/** Rewrites one `quantize` together with what computes its operand; false where the pattern does not match. */
type Fusion = (editor: Editor, quantize: Quantize, producer: Node) => boolean;

/** True where `value` is read by `reader` alone, so that its producer may give codes in place of floats. */
const onlyReadBy = (editor: Editor, value: ValueId, reader: Node): boolean =>
  !editor.isOutput(value) && editor.users(value).every((user) => user.results[0] === reader.results[0]);

/** quantize(move(x)) → move(quantize(x)): an element's code does not depend on where the element lies. */
const aboveMovement: Fusion = (editor, quantize, producer) => {
  if (producer.op !== 'reshape' && producer.op !== 'transpose') return false;
  const x = producer.operands[0]!;
  if (!onlyReadBy(editor, quantize.operands[0]!, quantize)) return false;
  const codes = editor.emitOne('quantize', [x], quantize.attrs);
  const moved =
    producer.op === 'reshape'
      ? editor.emitOne('reshape', [codes], producer.attrs)
      : editor.emitOne('transpose', [codes], producer.attrs);
  editor.replace(quantize.results[0]!, moved);
  return true;
};

/**
 * LayerNorm (and GELU), then codes, in one pass over memory; the floats are written only where something else reads them,
 * which GELU's are not: on their way to codes they are not computed to all their digits.
 */
const intoLayerNorm: Fusion = (editor, quantize, producer) => {
  const activation = producer.op === 'gelu' && producer.attrs.approximation === 'none' ? producer.op : undefined;
  const norm = activation ? editor.definition(producer.operands[0]!) : producer;
  if (norm?.op !== 'layer_norm') return false;
  const [x, gamma, beta] = norm.operands;
  if (gamma == null || beta == null) return false;
  const value = norm.results[0]!;
  const alsoFloat = !onlyReadBy(editor, value, activation ? producer : quantize);
  if (activation && (alsoFloat || !onlyReadBy(editor, producer.results[0]!, quantize))) return false;
  const [codes, floats] = editor.emit('layer_norm_quantize', [x!, gamma, beta], {
    epsilon: norm.attrs.epsilon,
    ...(activation && { activation }),
    quant: quantize.attrs.quant,
    also_float: alsoFloat,
  });
  editor.replace(quantize.results[0]!, codes!);
  if (floats !== undefined) editor.replace(value, floats);
  return true;
};

/** a + b, then codes. b must repeat over leading axes only, as the kernel does. */
const intoAdd: Fusion = (editor, quantize, producer) => {
  if (producer.op !== 'binary' || producer.attrs.fn !== 'add') return false;
  const value = producer.results[0]!;
  const shape = editor.type(value).shape;
  const fits = (operand: ValueId, whole: boolean): boolean => {
    const own = editor.type(operand).shape;
    const trailing = shape.slice(shape.length - own.length);
    return (
      own.length > 0 &&
      (!whole || own.length === shape.length) &&
      own.every((dim, i) => scalarsEqual(dim, trailing[i]!))
    );
  };
  const [p, q] = producer.operands as [ValueId, ValueId];
  const order = fits(p, true) && fits(q, false) ? [p, q] : fits(q, true) && fits(p, false) ? [q, p] : undefined;
  if (order === undefined || editor.type(p).dtype !== 'f32') return false;
  const [codes, floats] = editor.emit('add_quantize', order, {
    quant: quantize.attrs.quant,
    also_float: !onlyReadBy(editor, value, quantize),
  });
  editor.replace(quantize.results[0]!, codes!);
  if (floats !== undefined) editor.replace(value, floats);
  return true;
};

/** The multipliers of a product that is requantized directly: s_x·s_w / s_y, in float32. */
function requantizeMultipliers(editor: Editor, multiplier: ValueId, output: Quantization): ValueId {
  const values = (editor.constant(multiplier) as Constant).load().data as Float32Array;
  const data = values.map((m) => m / output.scale);
  return editor.addTensor({ dtype: 'f32', shape: [data.length], data }, '');
}

/** The epilogue of an integer product gives codes: between two linears no float tensor is written. */
const intoProduct: Fusion = (editor, quantize, producer) => {
  if (producer.op !== 'integer_linear' && producer.op !== 'integer_conv') return false;
  if (producer.attrs.output !== undefined || !onlyReadBy(editor, producer.results[0]!, quantize)) return false;
  const { quant } = quantize.attrs;
  const [x, weight, bias, multiplier, residual] = producer.operands;
  const direct = producer.attrs.activation === 'none' && residual == null;
  const operands = [
    x!,
    weight!,
    bias!,
    direct ? requantizeMultipliers(editor, multiplier!, quant) : multiplier!,
    residual ?? null,
  ];
  const codes =
    producer.op === 'integer_linear'
      ? editor.emitOne('integer_linear', operands, { ...producer.attrs, output: quant })
      : editor.emitOne('integer_conv', operands, { ...producer.attrs, output: quant });
  editor.replace(quantize.results[0]!, codes);
  return true;
};

const intoAttention: Fusion = (editor, quantize, producer) => {
  if (producer.op !== 'integer_attention' || producer.attrs.output !== undefined) return false;
  if (!onlyReadBy(editor, producer.results[0]!, quantize)) return false;
  const codes = editor.emitOne('integer_attention', producer.operands, {
    ...producer.attrs,
    output: quantize.attrs.quant,
  });
  editor.replace(quantize.results[0]!, codes);
  return true;
};

const FUSIONS: readonly Fusion[] = [aboveMovement, intoLayerNorm, intoAdd, intoProduct, intoAttention];

/**
 * Fuses each `quantize` into what computes its operand: LayerNorm, additions, the epilogues of integer products and
 * attentions. Repeats until nothing matches, since moving a `quantize` above a reshape uncovers the next producer.
 */
export function lowerToInteger(graph: Graph): Graph {
  const editor = editGraph(graph);
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of editor.nodes()) {
      const current = editor.definition(node.results[0]!);
      if (current === undefined || current.op !== 'quantize') continue;
      const producer = editor.definition(current.operands[0]!);
      if (producer === undefined) continue;
      // What replaces a producer keeps its name.
      editor.at({ ...current, source: producer.source });
      changed = FUSIONS.some((fusion) => fusion(editor, current, producer)) || changed;
    }
  }
  return editor.finish();
}
