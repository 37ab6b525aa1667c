import type { DType, Tensor } from '../../src/ir/types.js';
import {
  type AttributeValue,
  attributeProto,
  infoProto,
  type NodeProto,
  openOnnxWriter,
  type TensorProto,
  tensorProto,
} from '../onnx-writer.js';
import { seededUniform } from './random.js';

/** The name of a value of the graph under construction. */
export type Value = string;
/** A dimension of a shape: known, or a scalar of the graph (int64, no axes). */
export type Extent = number | Value;
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** How the elements of a weight lie: uniform around `mean`, within ± `spread`. */
export interface Spread {
  readonly mean?: number;
  readonly spread: number;
}

/**
 * An ONNX graph that is written as PyTorch's exporter writes it: nodes named by module, Constant nodes for what the traced
 * program computed from numbers, axes as attributes or as inputs by opset.
 */
export interface GraphBuilder {
  readonly opset: number;
  readonly input: (name: string, dtype: DType, shape: readonly (number | string)[]) => Value;
  /** The value takes the output's name, as the exporter's does. */
  readonly output: (name: string, value: Value, dtype: DType, shape: readonly (number | string)[]) => void;
  readonly node: (op: string, inputs: readonly Value[], attributes?: Attributes) => Value;
  readonly nodes: (op: string, inputs: readonly Value[], count: number, attributes?: Attributes) => readonly Value[];
  /** Nodes and weights made inside are named after the module. */
  readonly scope: <T>(module: string, body: () => T) => T;
  /** A seeded initializer; its elements depend on its full name alone. */
  readonly weight: (name: string, shape: readonly number[], spread: Spread) => Value;
  readonly initializer: (name: string, tensor: Tensor) => Value;
  readonly float: (value: number) => Value;
  /** int64; a scalar for a number. */
  readonly ints: (value: number | readonly number[]) => Value;
}

/** Writes the graph that `body` builds to `file`, its weights beside it. */
export function writeGraph(file: string, opset: number, body: (g: GraphBuilder) => void): void {
  const writer = openOnnxWriter(file);
  const [nodes, initializers]: [NodeProto[], TensorProto[]] = [[], []];
  const inputs: ReturnType<typeof infoProto>[] = [];
  const outputs: ReturnType<typeof infoProto>[] = [];
  const path: string[] = [];
  const renamed = new Map<Value, string>();
  const counts = new Map<string, number>();
  const unique = (name: string): string => {
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    return count === 0 ? name : `${name}_${count}`;
  };
  const emit = (op: string, from: readonly Value[], count: number, attributes: Attributes): readonly Value[] => {
    const name = unique(`/${[...path, op].join('/')}`);
    const output = Array.from({ length: count }, (_, i) => `${name}_output_${i}`);
    const attribute = Object.entries(attributes).map(([key, value]) => attributeProto(key, value));
    nodes.push({ name, opType: op, input: [...from], output, attribute });
    return output;
  };
  const constant = (tensor: Tensor): Value =>
    emit('Constant', [], 1, { value: { tensor: tensorProto('', tensor) } })[0]!;
  const initializer = (name: string, tensor: Tensor): Value => {
    const full = unique([...path, name].join('.'));
    initializers.push(writer.store(full, tensor));
    return full;
  };
  body({
    opset,
    input: (name, dtype, shape) => {
      inputs.push(infoProto(name, dtype, shape));
      return name;
    },
    output: (name, value, dtype, shape) => {
      outputs.push(infoProto(name, dtype, shape));
      renamed.set(value, name);
    },
    node: (op, from, attributes = {}) => emit(op, from, 1, attributes)[0]!,
    nodes: (op, from, count, attributes = {}) => emit(op, from, count, attributes),
    scope: (module, inner) => {
      path.push(module);
      const result = inner();
      path.pop();
      return result;
    },
    weight: (name, shape, { mean = 0, spread }) => {
      const next = seededUniform([...path, name].join('.'));
      const length = shape.reduce((a, b) => a * b, 1);
      const data = Float32Array.from({ length }, () => mean + spread * next());
      return initializer(name, { dtype: 'f32', shape, data });
    },
    initializer,
    float: (value) => constant({ dtype: 'f32', shape: [], data: Float32Array.of(value) }),
    ints: (value) => {
      const list = typeof value === 'number' ? [value] : value;
      const shape = typeof value === 'number' ? [] : [list.length];
      return constant({ dtype: 'i64', shape, data: BigInt64Array.from(list.map(BigInt)) });
    },
  });
  const rename = (value: Value): string => renamed.get(value) ?? value;
  const named = nodes.map((node) => ({
    ...node,
    input: (node.input ?? []).map(rename),
    output: (node.output ?? []).map(rename),
  }));
  writer.finish({
    irVersion: 8,
    producerName: 'pytorch',
    opsetImport: [{ domain: '', version: opset }],
    graph: { name: 'main_graph', input: inputs, output: outputs, initializer: initializers, node: named },
  });
}
