import { boundsOf, divideExact, multiply, product, type Scalar, scalarsEqual } from '../../scalar.js';
import type { OnnxValue } from '../onnx-value.js';
import { axesOf, type NodeImport, type Operator, range, rankOf, resolveAxis } from '../operator.js';

/** Operators that change shapes and order but no element. */

export const reshapeTo = (n: NodeImport, x: OnnxValue, shape: readonly Scalar[]): OnnxValue =>
  x.type.shape.length === shape.length && shape.every((dim, axis) => scalarsEqual(dim, x.type.shape[axis] ?? -1))
    ? x
    : n.emit('reshape', [x], { shape });

export const transposeTo = (n: NodeImport, x: OnnxValue, perm: readonly number[]): OnnxValue =>
  perm.length === rankOf(x) && perm.every((axis, i) => axis === i) ? x : n.emit('transpose', [x], { perm });

export const without = <T>(values: readonly T[], axes: readonly number[]): readonly T[] =>
  values.filter((_, axis) => !axes.includes(axis));

/** 0 keeps the dimension of x (unless `allowzero`), −1 takes what is left. */
function reshape(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const requested = n.scalars(1, 'the shape');
  const allowZero = n.int('allowzero', 0) !== 0;
  const kept = requested.map((dim, axis) => {
    if (dim !== 0 || allowZero) return dim;
    return x.type.shape[axis] ?? n.fail(`dimension ${axis} is 0 but the input has rank ${rankOf(x)}`);
  });
  const open = kept.filter((dim) => dim === -1).length;
  if (open > 1) n.fail('the shape has more than one -1');
  if (open === 0) return reshapeTo(n, x, kept);
  const rest = product(kept.filter((dim) => dim !== -1));
  const total = product(x.type.shape);
  if (rest === 0) return n.fail('the -1 of the shape cannot be found: another dimension is 0');
  if (typeof rest === 'number' && typeof total === 'number' && total % rest !== 0)
    return n.fail(`${total} elements do not fill the shape [${kept.map(String)}]`);
  return reshapeTo(
    n,
    x,
    kept.map((dim) => (dim === -1 ? divideExact(total, rest) : dim)),
  );
}

/** [a…, b…] → [Π a, Π b] */
function flatten(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const axis = n.int('axis', 1);
  const at = axis < 0 ? axis + rankOf(x) : axis;
  if (at < 0 || at > rankOf(x)) n.fail(`axis ${axis} is outside a tensor of rank ${rankOf(x)}`);
  return reshapeTo(n, x, [product(x.type.shape.slice(0, at)), product(x.type.shape.slice(at))]);
}

function squeeze(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const { shape } = x.type;
  const axes = axesOf(n, 1, shape.length) ?? range(shape.length).filter((axis) => shape[axis] === 1);
  for (const axis of axes) {
    const { min, max } = boundsOf(shape[axis] ?? 1, n.bounds);
    if (min > 1 || max < 1) n.fail(`axis ${axis} of [${shape.map(String)}] is not 1`);
  }
  return reshapeTo(n, x, without(shape, axes));
}

function unsqueeze(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const given = n.optional(1) ? n.numbers(1, 'axes') : n.ints('axes');
  if (given === undefined) return n.fail('axes are missing');
  const rank = rankOf(x) + given.length;
  const axes = given.map((axis) => resolveAxis(n, axis, rank));
  if (new Set(axes).size !== axes.length) n.fail(`axes [${given}] name an axis twice`);
  const rest = [...x.type.shape];
  return reshapeTo(
    n,
    x,
    range(rank).map((axis) => (axes.includes(axis) ? 1 : (rest.shift() ?? 1))),
  );
}

/** The shape of x broadcast with a requested shape, in which 1 keeps x's dimension. */
function expand(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const requested = n.scalars(1, 'the shape');
  const rank = Math.max(rankOf(x), requested.length);
  const shape = range(rank).map((axis): Scalar => {
    const own = x.type.shape[axis - rank + rankOf(x)] ?? 1;
    const wanted = requested[axis - rank + requested.length] ?? 1;
    if (own === 1) return wanted;
    // A symbol may be 1 only where it stretches to this dimension; any other value but this dimension is an error.
    return boundsOf(own, n.bounds).min > 1 && typeof wanted !== 'number' ? own : wanted === 1 ? own : wanted;
  });
  return n.emit('expand', [x], { shape });
}

/** [d…] → [1, d, …] → [r, d, …] → [r·d, …] */
function tile(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const { shape } = x.type;
  const repeats = n.scalars(1, 'repeats');
  if (repeats.length !== shape.length) n.fail(`${repeats.length} repeats for a tensor of rank ${shape.length}`);
  if (repeats.every((count) => count === 1)) return x;
  const repeated = repeats.flatMap((count, axis): Scalar[] =>
    count === 1 ? [shape[axis] ?? 1] : [count, shape[axis] ?? 1],
  );
  const single = repeats.flatMap((count, axis): Scalar[] => (count === 1 ? [shape[axis] ?? 1] : [1, shape[axis] ?? 1]));
  const wide = n.emit('expand', [reshapeTo(n, x, single)], { shape: repeated });
  return reshapeTo(
    n,
    wide,
    shape.map((dim, axis) => multiply(dim, repeats[axis] ?? 1)),
  );
}

/** [b, c, h, w] with blocks of s×s: the channels are (s, s, c') in DCR mode, (c', s, s) in CRD mode. */
function depthToSpace(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const size = n.int('blocksize');
  const [b, c, h, w] = image(n, x);
  const depth = divideExact(c, size * size);
  const mode = n.string('mode', 'DCR');
  if (mode !== 'DCR' && mode !== 'CRD') n.fail(`mode is '${mode}'`);
  const split = reshapeTo(n, x, mode === 'DCR' ? [b, size, size, depth, h, w] : [b, depth, size, size, h, w]);
  const ordered = transposeTo(n, split, mode === 'DCR' ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3]);
  return reshapeTo(n, ordered, [b, depth, multiply(h, size), multiply(w, size)]);
}

function spaceToDepth(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const size = n.int('blocksize');
  const [b, c, h, w] = image(n, x);
  const [rows, columns] = [divideExact(h, size), divideExact(w, size)];
  const split = reshapeTo(n, x, [b, c, rows, size, columns, size]);
  return reshapeTo(n, transposeTo(n, split, [0, 3, 5, 1, 2, 4]), [b, multiply(c, size * size), rows, columns]);
}

function image(n: NodeImport, x: OnnxValue): readonly [Scalar, Scalar, Scalar, Scalar] {
  const [b, c, h, w, ...more] = x.type.shape;
  if (b === undefined || c === undefined || h === undefined || w === undefined || more.length > 0)
    return n.fail(`expected [batch, channels, height, width], found rank ${rankOf(x)}`);
  return [b, c, h, w];
}

function concat(n: NodeImport): OnnxValue {
  const inputs = n.inputs();
  const axis = resolveAxis(n, n.int('axis'), rankOf(n.input(0)));
  return inputs.length === 1 ? n.input(0) : n.emit('concat', inputs, { axis });
}

const clampIndex = (index: number, rank: number): number =>
  Math.min(Math.max(index < 0 ? index + rank : index, 0), rank);

export const movement: Readonly<Record<string, Operator>> = {
  Reshape: { since: 5, into: ['reshape'], import: reshape },
  Flatten: { since: 1, into: ['reshape'], import: flatten },
  Squeeze: { since: 1, into: ['reshape'], import: squeeze },
  Unsqueeze: { since: 1, into: ['reshape'], import: unsqueeze },
  Transpose: {
    since: 1,
    into: ['transpose'],
    import: (n) => transposeTo(n, n.input(0), n.ints('perm') ?? [...range(rankOf(n.input(0)))].reverse()),
  },
  Concat: { since: 4, into: ['concat'], import: concat },
  Expand: { since: 8, into: ['expand'], import: expand },
  Tile: { since: 6, into: ['reshape', 'expand'], import: tile },
  DepthToSpace: { since: 1, into: ['reshape', 'transpose'], import: depthToSpace },
  SpaceToDepth: { since: 1, into: ['reshape', 'transpose'], import: spaceToDepth },
  Shape: {
    since: 1,
    into: ['scalars'],
    import: (n) => {
      const { shape } = n.input(0).type;
      const rank = shape.length;
      const part = shape.slice(clampIndex(n.int('start', 0), rank), clampIndex(n.int('end', rank), rank));
      return n.fromScalars('i64', [part.length], part);
    },
  },
  Size: { since: 1, into: ['scalars'], import: (n) => n.fromScalars('i64', [], [product(n.input(0).type.shape)]) },
};
