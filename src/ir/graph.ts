import type { AttrsOf } from './op.js';
import type { OpName, Ops } from './ops/index.js';
import type { SymbolBounds } from './scalar.js';
import type { Tensor, TensorType } from './types.js';

/** Identity of an SSA value within its graph. */
export type ValueId = number & { readonly brand: 'ValueId' };

export interface Value {
  readonly id: ValueId;
  readonly type: TensorType;
  /** The name in the source model, for diagnostics and the report. Never used as an identifier. */
  readonly name: string;
}

/**
 * A tensor known at compile time. Its elements are loaded when asked for and not kept, so that a model larger than
 * memory can be compiled; `load` gives equal tensors each time.
 */
export interface Constant {
  readonly load: () => Tensor;
  /**
   * Where each element is a whole multiple of a known step, as weights are that the model stores quantized: the steps, of
   * the constant's type and shape. Kept through movement; not part of the text form.
   */
  readonly steps?: Constant | undefined;
}

/** One operation. `null` stands for an absent optional operand. */
export interface NodeOf<K extends OpName> {
  readonly op: K;
  readonly operands: readonly (ValueId | null)[];
  readonly results: readonly ValueId[];
  readonly attrs: AttrsOf<Ops[K]['attrs']>;
  /** The ONNX node this came from, for diagnostics and the report. */
  readonly source: string;
}
export type Node = { readonly [K in OpName]: NodeOf<K> }[OpName];

/**
 * A program: nodes in an order where every operand is defined before its use. Plain data; passes make a new one through
 * `editGraph`.
 */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly ValueId[];
  readonly outputs: readonly { readonly name: string; readonly value: ValueId }[];
  readonly nodes: readonly Node[];
  readonly values: ReadonlyMap<ValueId, Value>;
  readonly constants: ReadonlyMap<ValueId, Constant>;
  readonly bounds: SymbolBounds;
}

export function valueOf(graph: Pick<Graph, 'values'>, id: ValueId): Value {
  const value = graph.values.get(id);
  if (value === undefined) throw new Error(`value %${id} is not in the graph`);
  return value;
}

export const typeOf = (graph: Pick<Graph, 'values'>, id: ValueId): TensorType => valueOf(graph, id).type;
