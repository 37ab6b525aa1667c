import { type Bounds, isStatic, namedBounds, type Scalar, type SymbolBounds, symbol } from '../scalar.js';
import { elementCount, type Tensor, type TensorType } from '../types.js';
import { ModelError } from './model-error.js';
import type { OnnxModel, OnnxTensorInfo } from './read-model.js';

/**
 * Bounds that hold where `--dim` says nothing: of symbolic dimensions, and of the elements of inputs that decide sizes,
 * by the names that exports of the Segment Anything family use.
 */
export const DEFAULT_BOUNDS: SymbolBounds = {
  /** Points of a prompt; a box is two. */
  num_points: { min: 1, max: 16 },
  nb_points_per_image: { min: 1, max: 16 },
  /** One picture, and one prompt for it, at a time. */
  batch: { min: 1, max: 1 },
  batch_size: { min: 1, max: 1 },
  num_labels: { min: 1, max: 1 },
  num_queries: { min: 1, max: 1 },
  point_batch_size: { min: 1, max: 1 },
  /** Height and width of the picture that the masks are for, in pixels. */
  orig_im_size: { min: 1, max: 4096 },
};

/** The bounds of a symbol or an input's elements: given, or by default. */
export const rangeOf = (name: string, dims: SymbolBounds): Bounds | undefined =>
  namedBounds(dims, name) ?? namedBounds(DEFAULT_BOUNDS, name);

/** Inputs whose elements may decide sizes have at most this many. */
const MAX_ELEMENTS = 4;

export interface ImportOptions {
  /** Bounds of symbolic dimensions by name, and of the elements of small inputs by the input's name. */
  readonly dims?: Readonly<Record<string, Bounds>>;
  /** Inputs that become constants, by name. */
  readonly freeze?: ReadonlyMap<string, Tensor>;
}

export interface InputTypes {
  readonly types: ReadonlyMap<string, TensorType>;
  /** Inputs whose elements have bounds, so that sizes may be computed from them. */
  readonly sized: ReadonlySet<string>;
  readonly bounds: SymbolBounds;
}

/** Whether sizes may be computed from the elements of an input of this type. */
export const isCountable = ({ dtype, shape }: TensorType): boolean =>
  (dtype === 'f32' || dtype === 'i32' || dtype === 'i64') && isStatic(shape) && elementCount(shape) <= MAX_ELEMENTS;

/** A symbol's name: as declared, or made from the input's for a dimension that has none. */
export const symbolName = (input: string, dim: string | null, axis: number): string => dim ?? `${input}_dim_${axis}`;

/**
 * Types of the run-time inputs. Unknown dimensions become symbols with bounds; a symbol that a frozen input or its own
 * bounds fix becomes a number.
 */
export function inputTypes(model: OnnxModel, { dims, freeze }: Required<ImportOptions>): InputTypes {
  for (const [name, { min, max }] of Object.entries(dims))
    if (!Number.isInteger(min) || !Number.isInteger(max) || min < 0 || max < min)
      throw new ModelError(model.file, undefined, `the bounds ${min}..${max} of '${name}' are not integers in order`);
  const fixed = frozenSymbols(model, freeze);
  const bounds = new Map<string, Bounds>();
  const missing = new Map<string, string>();
  const types = new Map<string, TensorType>();
  const sized = new Set<string>();
  for (const input of model.graph.inputs) {
    if (freeze.has(input.name)) continue;
    const shape = knownShape(input, model).map((dim, axis): Scalar => {
      if (typeof dim === 'number') return dim;
      const name = symbolName(input.name, dim, axis);
      const number = fixed.get(name);
      if (number !== undefined) return number;
      const range = rangeOf(name, dims);
      if (range === undefined) missing.set(name, input.name);
      else if (range.min === range.max) return range.min;
      else bounds.set(name, range);
      return symbol(name);
    });
    types.set(input.name, { dtype: input.dtype, shape });
  }
  if (missing.size > 0)
    throw new ModelError(
      model.file,
      undefined,
      `symbolic dimensions without a bound: ${[...missing].map(([name, input]) => `'${name}' of input '${input}'`).join(', ')}; give ${[...missing.keys()].map((name) => `--dim ${name}=<min>..<max>`).join(' ')}`,
    );
  for (const [name, type] of types) {
    const range = rangeOf(name, dims);
    // A symbol of the same name would share the bounds.
    if (range === undefined || bounds.has(name) || !isCountable(type)) continue;
    bounds.set(name, range);
    sized.add(name);
  }
  return { types, sized, bounds: Object.fromEntries(bounds) };
}

function knownShape(input: OnnxTensorInfo, model: OnnxModel): readonly (number | string | null)[] {
  if (input.shape === undefined) throw new ModelError(model.file, `input '${input.name}'`, 'has no declared rank');
  return input.shape;
}

/** Sizes of symbols that frozen inputs decide. */
function frozenSymbols(model: OnnxModel, freeze: ReadonlyMap<string, Tensor>): ReadonlyMap<string, number> {
  const fixed = new Map<string, number>();
  for (const input of model.graph.inputs) {
    const tensor = freeze.get(input.name);
    if (tensor === undefined) continue;
    const fail = (reason: string): never => {
      throw new ModelError(model.file, `input '${input.name}'`, `cannot be frozen: ${reason}`);
    };
    if (tensor.dtype !== input.dtype) fail(`it is ${input.dtype}, the data is ${tensor.dtype}`);
    if (input.shape === undefined) continue;
    if (tensor.shape.length !== input.shape.length)
      fail(`it has ${input.shape.length} axes, the data has ${tensor.shape.length}`);
    for (const [axis, dim] of input.shape.entries()) {
      const size = tensor.shape[axis] ?? 0;
      const expected = typeof dim === 'number' ? dim : fixed.get(symbolName(input.name, dim, axis));
      if (expected !== undefined && expected !== size) fail(`axis ${axis} is ${expected}, in the data ${size}`);
      if (typeof dim !== 'number') fixed.set(symbolName(input.name, dim, axis), size);
    }
  }
  return fixed;
}
