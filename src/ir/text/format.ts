import type { AttrKinds, AttrSpec } from '../op.js';
import { type Expr, SCALAR_FUNCTIONS, type Scalar } from '../scalar.js';
import type { DType, Quantization, Tensor, TensorType } from '../types.js';

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
const RESERVED: ReadonlySet<string> = new Set([...SCALAR_FUNCTIONS, 'inf', 'nan', 'in', 'int', 'f32', '_']);

/** A JSON string: every control character, quote and non-ASCII unit is escaped, so that a name cannot end its line. */
export const quote = (text: string): string =>
  JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** A name as it stands where it can be read back, quoted where it cannot. */
export const formatName = (name: string): string => (IDENTIFIER.test(name) && !RESERVED.has(name) ? name : quote(name));

/** The shortest decimal that reads back as the same double. */
export function formatNumber(x: number): string {
  if (Number.isNaN(x)) return 'nan';
  if (!Number.isFinite(x)) return x < 0 ? '-inf' : 'inf';
  return Object.is(x, -0) ? '-0' : String(x);
}

/** The shortest decimal that rounds to the same float32. */
export function formatFloat32(x: number): string {
  if (!Number.isFinite(x) || Object.is(x, -0)) return formatNumber(x);
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(x.toPrecision(digits));
    if (Math.fround(short) === x) return formatNumber(short);
  }
  return formatNumber(x);
}

type Of<K extends Expr['kind']> = Extract<Expr, { kind: K }>;

/** `num_points + 5`, `floor_div(n, 2)`, `orig_im_size[0]`, and `scale[0] : f32` for an element read as float. */
export function formatScalar(scalar: Scalar): string {
  if (typeof scalar === 'number') return formatNumber(scalar);
  const FORMAT: { readonly [K in Expr['kind']]: (expr: Of<K>) => string } = {
    symbol: ({ name }) => formatName(name),
    element: ({ input, index, type }) => `${formatName(input)}[${index}]${type === 'f32' ? ' : f32' : ''}`,
    polynomial: ({ constant, terms }) =>
      [
        ...terms.map(({ coefficient, atoms }) =>
          [...(coefficient === 1 ? [] : [formatNumber(coefficient)]), ...atoms.map(formatScalar)].join('*'),
        ),
        ...(constant === 0 ? [] : [formatNumber(constant)]),
      ].join(' + '),
    call: ({ fn, args }) => `${fn}(${args.map(formatScalar).join(', ')})`,
  };
  return FORMAT[scalar.kind](scalar as never);
}

const formatQuantization = ({ scale, zeroPoint, bits }: Quantization): string =>
  `quant(${formatNumber(scale)}, ${zeroPoint}, ${bits})`;

/** `f32[1, num_points, 256]`; integer codes add ` quant(scale, zero point, bits)`. */
export const formatType = (type: TensorType): string =>
  `${type.dtype}[${type.shape.map(formatScalar).join(', ')}]${type.quant ? ` ${formatQuantization(type.quant)}` : ''}`;

/** An element of a tensor, as it stands in an inline constant. */
export const formatElement = (dtype: DType, element: number | bigint): string => {
  if (typeof element === 'bigint') return String(element);
  return dtype === 'f32' || dtype === 'f16' || dtype === 'bf16' ? formatFloat32(element) : formatNumber(element);
};

export const formatElements = (tensor: Tensor): string =>
  `[${Array.from(tensor.data as ArrayLike<number | bigint>, (element) => formatElement(tensor.dtype, element)).join(', ')}]`;

const list = (items: readonly string[]): string => `[${items.join(', ')}]`;

const FORMAT_ATTR: { readonly [K in keyof AttrKinds]: (value: AttrKinds[K]) => string } = {
  int: formatNumber,
  float: formatNumber,
  bool: String,
  ints: (value) => list(value.map(formatNumber)),
  floats: (value) => list(value.map(formatNumber)),
  dim: formatScalar,
  dims: (value) => list(value.map(formatScalar)),
  scalars: (value) => list(value.map(formatScalar)),
  dtype: (value) => value,
  string: quote,
  quant: formatQuantization,
};

/** An attribute's value, by the kind its schema gives. */
export const formatAttr = (spec: AttrSpec, value: unknown): string =>
  spec.kind === 'enum' ? String(value) : FORMAT_ATTR[spec.kind](value as never);
