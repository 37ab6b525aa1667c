import type { EmitOptions } from '../edit.js';
import { TypeMismatch } from '../op.js';
import type { Scalar } from '../scalar.js';
import { elementCount, isFloat, type Tensor } from '../types.js';
import type { Builder } from './builder.js';
import { type DataSource, ModelError, NeedsConstant } from './model-error.js';
import type { OnnxValue } from './onnx-value.js';
import type { NodeImport } from './operator.js';
import type { AttributeValues, OnnxModel, OnnxNode } from './read-model.js';

export interface NodeImportOptions {
  readonly model: OnnxModel;
  readonly node: OnnxNode;
  readonly builder: Builder;
  /** The value of a name, undefined for the empty name of an absent input. */
  readonly lookup: (name: string) => OnnxValue | undefined;
  /** The run-time inputs that a value is computed from. */
  readonly sources: (name: string) => readonly DataSource[];
}

/** What a handler sees of a node. */
export function nodeImport({ model, node, builder, lookup, sources }: NodeImportOptions): NodeImport {
  const fail = (reason: string): never => {
    throw new ModelError(model.file, node.label, reason);
  };
  const options: EmitOptions = { source: node.label, names: node.outputs };

  const attribute = <K extends keyof AttributeValues>(kind: K, name: string): AttributeValues[K] | undefined => {
    const found = node.attributes.get(name);
    if (found === undefined) return undefined;
    if (found.kind === 'unsupported') return fail(`attribute ${name} is ${found.value}, which is not supported`);
    if (found.kind !== kind) return fail(`attribute ${name} is of kind ${found.kind}, expected ${kind}`);
    return found.value as AttributeValues[K];
  };
  const required = <T>(value: T | undefined, name: string): T =>
    value === undefined ? fail(`attribute ${name} is missing`) : value;

  const optional = (index: number): OnnxValue | undefined => {
    const name = node.inputs[index];
    return name === undefined ? undefined : lookup(name);
  };
  const input = (index: number): OnnxValue => optional(index) ?? fail(`input ${index} is missing`);

  const needsConstant = (index: number, what: string): never => {
    throw new NeedsConstant(model.file, node.label, sources(node.inputs[index] ?? ''), what);
  };
  const numbers = (index: number, what: string): readonly number[] => {
    const tensor: Tensor | undefined = builder.tensorOf(input(index));
    if (tensor) return Array.from(tensor.data, Number);
    const scalars = input(index).scalars();
    if (scalars?.every((scalar) => typeof scalar === 'number')) return scalars;
    return needsConstant(index, what);
  };
  const scalars = (index: number, what: string): readonly Scalar[] => {
    const value = input(index);
    const known = value.scalars();
    return known ?? (builder.tensorOf(value) ? numbers(index, what) : needsConstant(index, what));
  };

  const emitAll: NodeImport['emitAll'] = (op, operands, attrs) =>
    builder.emit(
      op,
      operands.map((operand) => operand ?? null),
      attrs,
      options,
    );
  const emit: NodeImport['emit'] = (op, operands, attrs) => {
    const [result, ...others] = emitAll(op, operands, attrs);
    if (result === undefined || others.length > 0) throw new TypeMismatch(`${op} does not have one result`);
    return result;
  };
  const name = node.outputs[0] ?? '';

  return {
    op: node.op,
    opset: model.opset,
    bounds: builder.bounds,
    inputCount: node.inputs.length,
    outputCount: node.outputs.length,
    hasOutput: (index) => (node.outputs[index] ?? '') !== '',
    input,
    optional,
    inputs: () => node.inputs.map((_, index) => input(index)),
    int: (key, fallback) => required(attribute('int', key) ?? fallback, key),
    float: (key, fallback) => required(attribute('float', key) ?? fallback, key),
    string: (key, fallback) => required(attribute('string', key) ?? fallback, key),
    ints: (key) => attribute('ints', key),
    floats: (key) => attribute('floats', key),
    tensor: (key) => attribute('tensor', key)?.load(),
    hasAttribute: (key) => node.attributes.has(key),
    scalars,
    numbers,
    emit,
    emitAll,
    multipleOf: builder.multipleOf,
    constant: (tensor) => builder.constant(tensor, name),
    number: (dtype, value) => {
      if (dtype === 'f32') return builder.constant({ dtype, shape: [], data: Float32Array.of(value) }, '');
      if (isFloat(dtype)) {
        const wide = builder.constant({ dtype: 'f64', shape: [], data: Float64Array.of(value) }, '');
        return dtype === 'f64' ? wide : emit('cast', [wide], { to: dtype });
      }
      if (!Number.isInteger(value)) throw new TypeMismatch(`${value} is no number of type ${dtype}`);
      const whole = builder.constant({ dtype: 'i64', shape: [], data: BigInt64Array.of(BigInt(value)) }, '');
      return dtype === 'i64' ? whole : emit('cast', [whole], { to: dtype });
    },
    fromScalars: (dtype, shape, values) => {
      if (values.length !== elementCount(shape))
        throw new TypeMismatch(`${values.length} scalars do not fill the shape [${shape}]`);
      return builder.fromScalars(dtype, shape, values, options);
    },
    fail,
  };
}
