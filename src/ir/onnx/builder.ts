import { type AttrsFor, definitionOf, type Editor, type EmitOptions, foldedConstant } from '../edit.js';
import type { Constant, ValueId } from '../graph.js';
import { TypeMismatch } from '../op.js';
import type { OpName } from '../ops/index.js';
import { element, isStatic, type Scalar } from '../scalar.js';
import { allocate, type DType, elementCount, type Tensor, type TensorType } from '../types.js';
import { MAX_SCALARS, type OnnxValue } from './onnx-value.js';
import { propagateScalars, type ScalarTensor } from './propagate-scalars.js';
import { kindOf } from './scalar-functions.js';

/** Emits IR ops on values in flight, and follows the elements of small tensors through them. */
export interface Builder {
  readonly bounds: Editor['bounds'];
  input(name: string, type: TensorType, sized: boolean): OnnxValue;
  constant(tensor: Tensor, name: string): OnnxValue;
  stored(type: TensorType, name: string, constant: Constant): OnnxValue;
  /** A tensor of scalars; a constant where all are numbers. */
  fromScalars(dtype: DType, shape: readonly number[], values: readonly Scalar[], options: EmitOptions): OnnxValue;
  emit<K extends OpName>(
    op: K,
    operands: readonly (OnnxValue | null)[],
    attrs: AttrsFor<K>,
    options: EmitOptions,
  ): readonly OnnxValue[];
  /** A constant's value, known to be made of whole multiples of a constant step; other values as they are. */
  multipleOf(value: OnnxValue, step: OnnxValue): OnnxValue;
  /** The tensor of a value known at compile time. */
  tensorOf(value: OnnxValue): Tensor | undefined;
}

export function createBuilder(editor: Editor): Builder {
  const { bounds } = editor;

  const fromId = (id: ValueId, scalars: () => readonly Scalar[] | undefined): OnnxValue => ({
    type: editor.type(id),
    id: () => id,
    scalars,
    symbolic: false,
  });
  const fromConstant = (id: ValueId): OnnxValue =>
    fromId(
      id,
      once(() => constantScalars(editor, id)),
    );

  const fromScalars: Builder['fromScalars'] = (dtype, shape, values, options) => {
    if (values.every((value) => typeof value === 'number')) {
      const tensor = tensorOfNumbers(dtype, shape, values);
      return fromConstant(editor.addTensor(tensor, options.names?.[0] ?? ''));
    }
    return {
      type: { dtype, shape },
      id: once(() => editor.emitOne('scalars', [], { values, shape, dtype }, options)),
      scalars: () => values,
      symbolic: true,
    };
  };

  const emit: Builder['emit'] = (op, operands, attrs, options) => {
    const known = followed(editor, operands);
    if (known) {
      const types = definitionOf(op).infer(
        known.map((operand) => operand?.type),
        attrs as never,
        { bounds },
      );
      const [type] = types;
      const values = types.length === 1 && type ? propagateScalars(op, known, attrs, type, bounds) : undefined;
      if (type && values && isStatic(type.shape)) {
        if (operands.some((operand) => operand?.symbolic) || values.every((value) => typeof value === 'number'))
          return [fromScalars(type.dtype, type.shape, values, options)];
        return [fromId(editor.emitOne(op, ids(operands), attrs, options), () => values)];
      }
    }
    return editor
      .emit(op, ids(operands), attrs, options)
      .map((id) => (editor.constant(id) ? fromConstant(id) : fromId(id, () => undefined)));
  };

  return {
    bounds,
    input: (name, type, sized) => {
      const id = editor.input(name, type);
      const values =
        sized && isStatic(type.shape)
          ? Array.from({ length: elementCount(type.shape) }, (_, i) =>
              element(name, i, type.dtype === 'f32' ? 'f32' : 'int'),
            )
          : undefined;
      return fromId(id, () => values);
    },
    constant: (tensor, name) => fromConstant(editor.addTensor(tensor, name)),
    stored: (type, name, constant) => fromConstant(editor.addConstant(type, name, constant.load)),
    fromScalars,
    emit,
    multipleOf: (value, step) => {
      if (value.symbolic || step.symbolic) return value;
      const [constant, steps] = [editor.constant(value.id()), editor.constant(step.id())];
      const { type } = value;
      if (!constant || !steps || !isStatic(type.shape)) return value;
      const expanded = foldedConstant('expand', [steps], { shape: type.shape }, type);
      return fromConstant(editor.addConstant(type, editor.name(value.id()), constant.load, expanded));
    },
    tensorOf: (value) => (value.symbolic ? undefined : editor.constant(value.id())?.load()),
  };
}

const ids = (operands: readonly (OnnxValue | null)[]): readonly (ValueId | null)[] =>
  operands.map((operand) => operand?.id() ?? null);

function once<T>(compute: () => T): () => T {
  let result: { readonly value: T } | undefined;
  return () => {
    result ??= { value: compute() };
    return result.value;
  };
}

/**
 * The operands by their elements, if all are known and some only at run time. Constants alone are folded exactly by the
 * editor instead.
 */
function followed(
  editor: Editor,
  operands: readonly (OnnxValue | null)[],
): readonly (ScalarTensor | null)[] | undefined {
  const runtime = (operand: OnnxValue | null): boolean =>
    operand !== null && (operand.symbolic || (!editor.constant(operand.id()) && operand.scalars() !== undefined));
  if (!operands.some(runtime)) return undefined;
  const known: (ScalarTensor | null)[] = [];
  for (const operand of operands) {
    if (operand === null) {
      known.push(null);
      continue;
    }
    const values = operand.scalars();
    const { dtype, shape } = operand.type;
    if (values === undefined || !isStatic(shape)) return undefined;
    known.push({ type: { dtype, shape }, values });
  }
  return known;
}

/** Elements of a small constant. Integers beyond 2^53 are no scalars: they would not stay exact. */
function constantScalars(editor: Editor, id: ValueId): readonly Scalar[] | undefined {
  const { dtype, shape } = editor.type(id);
  if (kindOf(dtype) === undefined || !isStatic(shape) || elementCount(shape) > MAX_SCALARS) return undefined;
  const tensor = editor.constant(id)?.load();
  const values = tensor && Array.from(tensor.data, Number);
  return dtype === 'f32' || values?.every(Number.isSafeInteger) ? values : undefined;
}

function tensorOfNumbers(dtype: DType, shape: readonly number[], values: readonly number[]): Tensor {
  if (dtype === 'i64') return { dtype, shape, data: BigInt64Array.from(values.map((value) => BigInt(value))) };
  if (dtype === 'u64' || dtype === 'f16' || dtype === 'bf16')
    throw new TypeMismatch(`numbers of type ${dtype} are made by a cast`);
  const data = allocate(dtype, values.length);
  data.set(values);
  return { dtype, shape, data };
}
