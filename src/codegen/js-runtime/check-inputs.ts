import type { ModelDescription, TensorDescription } from './description.js';
import { SamArgumentError } from './errors.js';
import { ARRAY_TYPES, elementCount, type Tensor, type TensorData } from './tensor.js';

const isArray = (value: unknown): value is TensorData => ArrayBuffer.isView(value) && !(value instanceof DataView);

/** By the tag, which is the same for arrays of another realm (a frame, a worker, a test's sandbox). */
const typeName = (value: unknown): string =>
  ArrayBuffer.isView(value)
    ? ((value as { readonly [Symbol.toStringTag]?: string })[Symbol.toStringTag] ?? 'an array')
    : value === null
      ? 'null'
      : typeof value;

/** `[1, num_points, 2]`. */
export const shapeText = (shape: readonly (number | string)[]): string => `[${shape.join(', ')}]`;

/** A tensor, or the array alone where the shape is known. */
function asTensor(model: string, { name, shape, dtype }: TensorDescription, given: unknown): Tensor {
  const fail = (what: string): SamArgumentError => new SamArgumentError(`${model}: input '${name}': ${what}`);
  const fixed = shape.filter((dim) => typeof dim === 'number');
  const { name: arrayName } = ARRAY_TYPES[dtype];
  let tensor: { readonly data: unknown; readonly shape: unknown };
  if (isArray(given)) {
    if (fixed.length !== shape.length)
      throw fail(`{ data, shape } is needed, because its shape ${shapeText(shape)} is not fixed`);
    tensor = { data: given, shape: fixed };
  } else if (typeof given === 'object' && given !== null && 'data' in given && 'shape' in given) tensor = given;
  else throw fail(`${arrayName} or { data, shape } expected, not ${typeName(given)}`);

  const { data } = tensor;
  if (!isArray(data) || typeName(data) !== arrayName) throw fail(`${arrayName} expected, not ${typeName(data)}`);
  const sizes: unknown = tensor.shape;
  if (!Array.isArray(sizes) || !sizes.every((dim): dim is number => Number.isSafeInteger(dim) && dim >= 0))
    throw fail(`its shape is not a list of sizes`);
  if (sizes.length !== shape.length || shape.some((dim, axis) => typeof dim === 'number' && dim !== sizes[axis]))
    throw fail(`shape ${shapeText(sizes)} given, ${shapeText(shape)} expected`);
  if (data.length !== elementCount(sizes))
    throw fail(`${data.length} elements given, ${elementCount(sizes)} expected for shape ${shapeText(sizes)}`);
  return { data, shape: sizes };
}

/**
 * Checks everything about a call that can be known before it runs.
 *
 * @returns inputs and symbols in the description's order
 * @throws SamArgumentError
 */
export function checkInputs(
  description: ModelDescription,
  given: unknown,
): { readonly inputs: readonly Tensor[]; readonly symbols: readonly number[] } {
  const { name: model } = description;
  if (typeof given !== 'object' || given === null)
    throw new SamArgumentError(
      `${model}: an object of inputs is expected: ${description.inputs.map(({ name }) => name).join(', ')}`,
    );
  const values = given as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(values))
    if (!description.inputs.some((input) => input.name === name))
      throw new SamArgumentError(
        `${model}: no input '${name}'; there are: ${description.inputs.map((input) => input.name).join(', ')}`,
      );
  const inputs = description.inputs.map((input) => {
    if (!Object.hasOwn(values, input.name)) throw new SamArgumentError(`${model}: input '${input.name}' is missing`);
    return asTensor(model, input, values[input.name]);
  });
  const symbols = description.symbols.map(({ name, min, max }) => {
    let value: number | undefined;
    let source = '';
    description.inputs.forEach((input, i) => {
      input.shape.forEach((dim, axis) => {
        if (dim !== name) return;
        const size = inputs[i]?.shape[axis];
        if (value !== undefined && value !== size)
          throw new SamArgumentError(
            `${model}: ${name} is ${value} in the shape of '${source}' and ${size} in that of '${input.name}'`,
          );
        value = size;
        source = input.name;
      });
    });
    if (value === undefined || value < min || value > max)
      throw new SamArgumentError(`${model}: ${name} is ${value}, this build takes ${min} to ${max}`);
    return value;
  });
  return { inputs, symbols };
}
