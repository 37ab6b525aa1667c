import { canonicalGraph } from './canonical-graph.js';
import { type Graph, typeOf } from './ir/graph.js';
import { objection } from './ir/onnx/check-graph.js';
import { rangeOf } from './ir/onnx/input-types.js';
import { ModelError } from './ir/onnx/model-error.js';
import { type Bounds, type Dim, scalarKey } from './ir/scalar.js';
import { type AttentionInfo, findAttention } from './passes/find-attention.js';
import { openSource, type Source } from './source-model.js';

export interface InspectedTensor {
  readonly name: string;
  /** `?` for outputs that the file says nothing of. */
  readonly dtype: string;
  /** Numbers, symbols, `?` for what the file does not say; undefined without a rank. */
  readonly shape: readonly (number | string)[] | undefined;
}

export interface InspectedAttention {
  readonly name: string;
  readonly kind: AttentionInfo['kind'];
  readonly heads: number;
  /** Tokens of queries and keys, channels of one head; numbers or expressions of symbols. */
  readonly queries: number | string;
  readonly keys: number | string;
  readonly channels: number | string;
  readonly relative_positions: boolean;
  readonly bias: boolean;
  /** [grid height, grid width, window height, window width]. */
  readonly window?: readonly number[];
  readonly note?: string;
}

export interface Unsupported {
  readonly operator: string;
  readonly reason: string;
  readonly nodes: readonly string[];
}

export interface Inspection {
  readonly file: string;
  readonly producer: string;
  readonly opset: number;
  readonly operators: Readonly<Record<string, number>>;
  readonly inputs: readonly InspectedTensor[];
  readonly outputs: readonly InspectedTensor[];
  /** Of symbolic dimensions; null where none is known and `--dim` must give it. */
  readonly bounds: Readonly<Record<string, Bounds | null>>;
  readonly unsupported: readonly Unsupported[];
  /** Empty where the model cannot be imported. */
  readonly attentions: readonly InspectedAttention[];
  /** Softmaxes that did not become part of an attention, and why. */
  readonly loose_softmaxes: readonly { readonly name: string; readonly reason: string }[];
  /** Why the model cannot be imported, apart from unsupported operators. */
  readonly problem?: string;
}

/** Bounds for looking at a model whose symbols have none; nothing is compiled with them. */
const PROVISIONAL: Bounds = { min: 1, max: 1024 };

/** What a model consists of, and what the compiler finds in it. */
export async function inspect(
  file: string,
  options: { readonly dims?: Readonly<Record<string, Bounds>> } = {},
): Promise<Inspection> {
  const source = await openSource(file);
  const { model } = source;
  const bounds = symbolBounds(source, options.dims ?? {});
  const unsupported = unsupportedOperators(source);
  const found: Found = unsupported.length === 0 ? find(source, bounds) : {};
  const { graph } = found;
  const { attentions, loose } = graph ? findAttention(graph) : { attentions: [], loose: [] };
  const tensors = (infos: Source['model']['graph']['inputs']): readonly InspectedTensor[] =>
    infos.map(({ name, dtype, shape }) => ({
      name,
      dtype: dtype ?? '?',
      shape: shape?.map((dim, axis) => dim ?? `${name}_dim_${axis}`),
    }));
  return {
    file,
    producer: model.producer,
    opset: model.opset,
    operators: counts(
      model.graph.nodes.map(({ op, domain }) => (domain === '' || domain === 'ai.onnx' ? op : `${domain}.${op}`)),
    ),
    inputs: tensors(model.graph.inputs),
    outputs: model.graph.outputs.map(({ name, dtype, shape }, i) => {
      const computed = graph && typeOf(graph, graph.outputs[i]!.value);
      return computed
        ? { name, dtype: computed.dtype, shape: computed.shape.map(dimension) }
        : { name, dtype: dtype ?? '?', shape: shape?.map((dim) => dim ?? '?') };
    }),
    bounds,
    unsupported,
    attentions: attentions.map(describe),
    loose_softmaxes: loose.map(({ name, reason }) => ({ name, reason })),
    ...(found.problem !== undefined && { problem: found.problem }),
  };
}

function symbolBounds({ model }: Source, dims: Readonly<Record<string, Bounds>>): Record<string, Bounds | null> {
  const symbols = model.graph.inputs.flatMap(({ name, shape }) =>
    (shape ?? []).flatMap((dim, axis) => (typeof dim === 'number' ? [] : [dim ?? `${name}_dim_${axis}`])),
  );
  const sized = model.graph.inputs.map(({ name }) => name).filter((name) => rangeOf(name, dims) !== undefined);
  return Object.fromEntries([...symbols, ...sized].map((name) => [name, rangeOf(name, dims) ?? null]));
}

/** A graph, or why there is none. */
interface Found {
  readonly graph?: Graph;
  readonly problem?: string;
}

function find(source: Source, bounds: Readonly<Record<string, Bounds | null>>): Found {
  const dims = Object.fromEntries(Object.entries(bounds).map(([name, range]) => [name, range ?? PROVISIONAL]));
  try {
    return { graph: canonicalGraph(source, { dims }) };
  } catch (error) {
    if (error instanceof ModelError) return { problem: error.message };
    throw error;
  }
}

function unsupportedOperators({ model }: Source): readonly Unsupported[] {
  const found = new Map<string, { reason: string; nodes: string[] }>();
  for (const node of model.graph.nodes) {
    const reason = objection(node, model.opset);
    if (reason === undefined) continue;
    const operator = node.domain === '' || node.domain === 'ai.onnx' ? node.op : `${node.domain}.${node.op}`;
    const entry = found.get(operator) ?? { reason, nodes: [] };
    entry.nodes.push(node.label);
    found.set(operator, entry);
  }
  return [...found].map(([operator, entry]) => ({ operator, ...entry }));
}

const dimension = (dim: Dim): number | string => (typeof dim === 'number' ? dim : scalarKey(dim));

const describe = (attention: AttentionInfo): InspectedAttention => ({
  name: attention.name.replaceAll('/', '.'),
  kind: attention.kind,
  heads: attention.heads,
  queries: dimension(attention.queries),
  keys: dimension(attention.keys),
  channels: dimension(attention.channels),
  relative_positions: attention.hasRelativePositions,
  bias: attention.hasBias,
  ...(attention.window && { window: attention.window }),
  ...(attention.note !== undefined && { note: attention.note }),
});

function counts(names: readonly string[]): Readonly<Record<string, number>> {
  const count = new Map<string, number>();
  for (const name of names) count.set(name, (count.get(name) ?? 0) + 1);
  return Object.fromEntries([...count].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
}
