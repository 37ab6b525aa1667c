import { add, call, subtract } from '../../scalar.js';
import type { Tensor } from '../../types.js';
import type { OnnxValue } from '../onnx-value.js';
import { dtypeOf, type NodeImport, type Operator, rankOf, resolveAxis } from '../operator.js';
import { dtypeOfCode } from '../read-tensor.js';
import { maximum } from '../scalar-functions.js';

/** Operators that make tensors from constants and shapes. */

function constant(n: NodeImport): OnnxValue {
  const tensor = n.tensor('value');
  if (tensor) return n.constant(tensor);
  const floats = n.hasAttribute('value_float') ? [n.float('value_float')] : n.floats('value_floats');
  if (floats)
    return n.constant({
      dtype: 'f32',
      shape: n.hasAttribute('value_float') ? [] : [floats.length],
      data: Float32Array.from(floats),
    });
  const ints = n.hasAttribute('value_int') ? [n.int('value_int')] : n.ints('value_ints');
  if (ints)
    return n.constant({
      dtype: 'i64',
      shape: n.hasAttribute('value_int') ? [] : [ints.length],
      data: BigInt64Array.from(ints.map((value) => BigInt(value))),
    });
  return n.fail('holds no dense tensor of numbers (sparse and string constants are not supported)');
}

function constantOfShape(n: NodeImport): OnnxValue {
  const shape = n.scalars(0, 'the shape');
  const tensor: Tensor = n.tensor('value') ?? { dtype: 'f32', shape: [1], data: Float32Array.of(0) };
  if (tensor.data.length !== 1) n.fail(`value has ${tensor.data.length} elements, expected 1`);
  return n.emit('expand', [n.constant({ ...tensor, shape: [] })], { shape });
}

/** start, start + delta, …: max(⌈(limit − start) / delta⌉, 0) elements. */
function range(n: NodeImport): OnnxValue {
  const dtype = dtypeOf(n.input(0));
  if (dtype === 'i64' || dtype === 'i32') {
    const [start = 0] = n.scalars(0, 'start');
    const [limit = 0] = n.scalars(1, 'limit');
    const [delta] = n.numbers(2, 'delta');
    if (delta === undefined || delta === 0) return n.fail('delta is 0');
    const distance = delta > 0 ? subtract(limit, start) : subtract(start, limit);
    const step = Math.abs(delta);
    const size = maximum(step === 1 ? distance : call('floor_div', add(distance, step - 1), step), 0, n.bounds);
    const index = n.emit('iota', [], { size, dtype });
    const scaled = delta === 1 ? index : n.emit('binary', [index, n.number(dtype, delta)], { fn: 'mul' });
    return start === 0 ? scaled : n.emit('binary', [scaled, n.fromScalars(dtype, [], [start])], { fn: 'add' });
  }
  const [[start = 0], [limit = 0], [delta = 0]] = [n.numbers(0, 'start'), n.numbers(1, 'limit'), n.numbers(2, 'delta')];
  if (delta === 0) n.fail('delta is 0');
  const size = Math.max(Math.ceil((limit - start) / delta), 0);
  const scaled = n.emit('binary', [n.emit('iota', [], { size, dtype }), n.input(2)], { fn: 'mul' });
  return n.emit('binary', [scaled, n.input(0)], { fn: 'add' });
}

/** [i…] → [i…, depth, …]: on where the new axis counts the index, off elsewhere; −1 is depth − 1. */
function oneHot(n: NodeImport): OnnxValue {
  const given = n.input(0);
  const [depth] = n.scalars(1, 'depth');
  if (depth === undefined) return n.fail('depth is empty');
  const rank = rankOf(given) + 1;
  const axis = resolveAxis(n, n.int('axis', -1), rank);
  const indices = dtypeOf(given) === 'i64' ? given : n.emit('cast', [given], { to: 'i64' });
  const size = n.fromScalars('i64', [], [depth]);
  const negative = n.emit('binary', [indices, n.number('i64', 0)], { fn: 'less' });
  const counted = n.emit('select', [negative, n.emit('binary', [indices, size], { fn: 'add' }), indices], {});
  const shape = [...given.type.shape.slice(0, axis), 1, ...given.type.shape.slice(axis)];
  const position = n.emit('reshape', [n.emit('iota', [], { size: depth, dtype: 'i64' })], {
    shape: shape.map((_, at) => (at === axis ? depth : 1)),
  });
  const hot = n.emit('binary', [n.emit('reshape', [counted], { shape }), position], { fn: 'equal' });
  const value = (index: number): OnnxValue =>
    n.emit('reshape', [n.emit('slice', [n.input(2)], { starts: [index], sizes: [1], steps: [1] })], { shape: [] });
  return n.emit('select', [hot, value(1), value(0)], {});
}

/** Ones on diagonal k of a matrix of x's shape. */
function eyeLike(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const [rows, columns] = x.type.shape;
  if (rows === undefined || columns === undefined || rankOf(x) !== 2) return n.fail('expected a matrix');
  const to = n.hasAttribute('dtype') ? dtypeOfCode(n.int('dtype'), n.fail) : dtypeOf(x);
  const row = n.emit('reshape', [n.emit('iota', [], { size: rows, dtype: 'i64' })], { shape: [rows, 1] });
  const diagonal = n.emit('binary', [row, n.number('i64', n.int('k', 0))], { fn: 'add' });
  const column = n.emit('iota', [], { size: columns, dtype: 'i64' });
  return n.emit('cast', [n.emit('binary', [diagonal, column], { fn: 'equal' })], { to });
}

export const generators: Readonly<Record<string, Operator>> = {
  Constant: { since: 1, into: [], refuses: 'sparse tensors, strings', import: constant },
  ConstantOfShape: { since: 9, into: ['expand'], import: constantOfShape },
  Range: { since: 11, into: ['iota', 'binary'], refuses: 'bounds of floats computed at run time', import: range },
  OneHot: { since: 9, into: ['cast', 'iota', 'reshape', 'binary', 'select', 'slice'], import: oneHot },
  EyeLike: { since: 9, into: ['iota', 'reshape', 'binary', 'cast'], import: eyeLike },
};
