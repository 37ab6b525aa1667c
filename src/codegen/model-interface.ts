import { maxElements } from '../ir/edit.js';
import { type Graph, typeOf, type ValueId, valueOf } from '../ir/graph.js';
import { type Bounds, type Dim, leavesOf, namedBounds, scalarKey } from '../ir/scalar.js';
import type { TensorType } from '../ir/types.js';
import { UserError } from '../user-error.js';
import { identifierScope, toComment, toFileName } from './names.js';

/** An input or output as the caller sees it. */
export interface InterfaceTensor {
  /** Name in the source model. */
  readonly name: string;
  /** Field of the struct in C. */
  readonly field: string;
  /** Base name of its .npy file. */
  readonly file: string;
  readonly value: ValueId;
  readonly type: TensorType;
  readonly maxElements: number;
}

/** A symbolic dimension: the caller gives it with the inputs. */
export interface InterfaceSymbol {
  readonly name: string;
  readonly field: string;
  readonly bounds: Bounds;
}

/** The signature of a compiled model: header, runner, manifest and bindings are written from it. */
export interface ModelInterface {
  /** Prefix of every C name. */
  readonly name: string;
  readonly inputs: readonly InterfaceTensor[];
  readonly outputs: readonly InterfaceTensor[];
  readonly symbols: readonly InterfaceSymbol[];
}

/** More axes than this runner.c does not take. */
const MAX_RANK = 16;

const fileScope = (): ((name: string) => string) => {
  const used = new Set<string>();
  return (name) => {
    const base = toFileName(name);
    let candidate = base;
    for (let count = 2; used.has(candidate.toLowerCase()); count++) candidate = `${base}_${count}`;
    used.add(candidate.toLowerCase());
    return candidate;
  };
};

/** @throws UserError for inputs and outputs of too many axes, input dimensions that are not numbers or symbols, and for symbols and outputs without an upper bound */
export function describeInterface(graph: Graph, name: string): ModelInterface {
  const inputField = identifierScope();
  const outputField = identifierScope();
  const inputFile = fileScope();
  const outputFile = fileScope();
  const elementsOf = (source: string, type: TensorType): number => {
    const elements = maxElements(type.shape, graph.bounds);
    if (Number.isSafeInteger(elements)) return elements;
    throw new UserError(
      `${JSON.stringify(source)} of shape [${type.shape.map(scalarKey).join(', ')}] has no upper bound; bound its symbolic dimensions (--dim name=min..max)`,
    );
  };
  const describe = (source: string, value: ValueId, field: string, file: string): InterfaceTensor => {
    const type = typeOf(graph, value);
    if (type.shape.length > MAX_RANK)
      throw new UserError(`${JSON.stringify(source)}: ${type.shape.length} axes, ${MAX_RANK} are supported`);
    return { name: source, field, file, value, type, maxElements: elementsOf(source, type) };
  };
  const inputs = graph.inputs.map((value) => {
    const source = valueOf(graph, value).name;
    return describe(source, value, inputField(source), inputFile(source));
  });
  const names = new Set<string>();
  for (const input of inputs)
    for (const dim of input.type.shape) {
      if (typeof dim === 'number') continue;
      if (dim.kind !== 'symbol')
        throw new UserError(`input ${JSON.stringify(input.name)} has the computed dimension ${scalarKey(dim)}`);
      names.add(dim.name);
    }
  const symbols = [...names].map((symbol) => {
    const { min, max } = namedBounds(graph.bounds, symbol) ?? { min: 0, max: Number.POSITIVE_INFINITY };
    return { name: symbol, field: inputField(symbol), bounds: { min: Math.max(0, min), max } };
  });
  const outputs = graph.outputs.map((output) => {
    const field = outputField(output.name);
    outputField(`${field}_dims`);
    return describe(output.name, output.value, field, outputFile(output.name));
  });
  return { name, inputs, outputs, symbols };
}

/** `[1, 4, num_points + 1, 64]` for a comment. */
export const describeShape = (shape: readonly Dim[]): string => toComment(`[${shape.map(scalarKey).join(', ')}]`);

/** True where a scalar reads elements of inputs, so that its value is known only with the inputs' data. */
export const readsElements = (dim: Dim): boolean => [...leavesOf(dim).values()].some((leaf) => leaf.kind === 'element');
