import type { Editor } from '../ir/edit.js';
import type { Graph, NodeOf, ValueId } from '../ir/graph.js';
import type { Quantization } from '../ir/types.js';
import {
  any,
  anyNumber,
  binary,
  commuted,
  get,
  match,
  number,
  numberOf,
  oneOf,
  op,
  type Pattern,
  unary,
} from './match.js';
import { hasOneUser, type Rule, rewrite } from './rewrite.js';

/**
 * The quantization that a model brings along, per tensor and of 8 bits, as the IR's ops: what ONNX DequantizeLinear
 * gives becomes `dequantize` of codes, those of the QuantizeLinear before it where there is one. Signed codes become
 * unsigned ones with the zero point moved by 128. A quantize multiplies by 1/scale where ONNX divides by the scale: a
 * code may differ by one where the quotient lies within rounding of a half.
 */
export const findCodes = (graph: Graph): Graph => rewrite(graph, { binary: [fromDequantize] });

const BITS = 8;
/** Code ranges by element type, and what makes their zero points unsigned. */
const CODES = {
  u8: { least: 0, most: 255, moved: 0 },
  i8: { least: -128, most: 127, moved: 128 },
} as const;
type CodeType = keyof typeof CODES;

/** float32(codes − zero point) · scale */
const DEQUANTIZE: Pattern = commuted(
  'mul',
  op(
    'cast',
    [
      oneOf(
        binary('sub', op('cast', [any('codes')], { to: 'i32' }), anyNumber('zero')),
        op('cast', [any('codes')], { to: 'i32' }),
      ),
    ],
    { to: 'f32' },
  ),
  anyNumber('scale'),
);

/** clamp(round(x / scale) + zero point) */
const quantizePattern = (type: CodeType): Pattern => {
  const rounded = unary('round', binary('div', any('x'), anyNumber('scale')));
  const shifted = oneOf(commuted('add', rounded, anyNumber('zero')), rounded);
  const { least, most } = CODES[type];
  return op('cast', [binary('min', binary('max', shifted, number(least)), number(most))], { to: type });
};

const isCodeType = (dtype: string): dtype is CodeType => Object.hasOwn(CODES, dtype);

interface Coded {
  readonly value: ValueId;
  readonly quant: Quantization;
}

/** What the pattern's scale and zero point say; undefined where they are no quantization of unsigned 8-bit codes. */
function coded(
  editor: Editor,
  value: ValueId,
  type: CodeType,
  scale: ValueId,
  zero: ValueId | undefined,
): Coded | undefined {
  const step = numberOf(editor, scale) ?? Number.NaN;
  const zeroPoint = (zero === undefined ? 0 : (numberOf(editor, zero) ?? Number.NaN)) + CODES[type].moved;
  const valid = step > 0 && Number.isFinite(step) && Number.isInteger(zeroPoint) && zeroPoint >= 0 && zeroPoint <= 255;
  return valid ? { value, quant: { scale: step, zeroPoint, bits: BITS } } : undefined;
}

const sameQuant = (a: Quantization, b: Quantization): boolean => a.scale === b.scale && a.zeroPoint === b.zeroPoint;

/**
 * dequantize(quantize(x)) as ONNX writes it → the IR's. Codes from elsewhere (an input, an op on codes) are quantized
 * again, which gives the same codes: their values are whole multiples of the scale.
 */
const fromDequantize: Rule = (editor, node) => {
  const [result] = node.results as [ValueId];
  const found = match(editor, result, DEQUANTIZE);
  if (found === undefined) return undefined;
  const codes = get(found, 'codes');
  const { dtype } = editor.type(codes);
  if (!isCodeType(dtype) || editor.constant(codes) !== undefined) return undefined;
  const own = coded(editor, result, dtype, get(found, 'scale'), found.zero);
  // What this rule has emitted for codes from elsewhere.
  const done = hasOneUser(editor, result) && editor.users(result)[0]!.op === 'quantize';
  if (own === undefined || done) return undefined;
  const { quant } = own;
  const before = match(editor, codes, quantizePattern(dtype));
  const source = before && coded(editor, get(before, 'x'), dtype, get(before, 'scale'), before.zero);
  const x =
    source && sameQuant(source.quant, quant)
      ? source.value
      : editor.emitOne('binary', node.operands, (node as NodeOf<'binary'>).attrs);
  return editor.emitOne('dequantize', [editor.emitOne('quantize', [x], { quant })], { quant });
};
