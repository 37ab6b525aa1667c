import { boundsOf, product, type Scalar } from '../../scalar.js';
import type { OnnxValue } from '../onnx-value.js';
import { type NodeImport, type Operator, rankOf } from '../operator.js';
import { reshapeTo, transposeTo } from './movement.js';
import { reduceOver } from './reduction.js';

/**
 * Einsum, as numpy's. Two operands become one matmul: with the letters in groups B (in both and in the result),
 * M (left only), N (right only), K (in both, summed over), left [B…, M, K] · right [B…, K, N] → [B…, M, N]; several
 * letters of M, N or K are reshaped into one axis. So SAM's bhwc,hkc->bhwk is the batched product [h, b·w, c]·[h, c, k].
 */

/** A tensor whose axes are named. Axes of an ellipsis have names that no equation can contain. */
interface Term {
  readonly value: OnnxValue;
  readonly labels: readonly string[];
}

interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly result: readonly string[];
}

const ELLIPSIS = '...';

function parse(n: NodeImport, equation: string, ranks: readonly number[]): Equation {
  const text = equation.replace(/\s/g, '');
  const [left = '', right, ...more] = text.split('->');
  const terms = left.split(',');
  if (more.length > 0 || terms.length !== ranks.length)
    n.fail(`equation '${equation}' does not fit ${ranks.length} operands`);
  const letters = (term: string): readonly string[] => {
    const parts = term.split(ELLIPSIS);
    if (parts.length > 2 || !parts.every((part) => /^[A-Za-z]*$/.test(part)))
      n.fail(`equation '${equation}' is malformed`);
    return parts.length === 1 ? [...term] : [...(parts[0] ?? ''), ELLIPSIS, ...(parts[1] ?? '')];
  };
  // Ellipses are aligned at their last axis, so they are numbered from the end.
  const extents = terms.map((term, i) => (ranks[i] ?? 0) - letters(term).filter((label) => label !== ELLIPSIS).length);
  const widest = Math.max(0, ...terms.map((term, i) => (term.includes(ELLIPSIS) ? (extents[i] ?? 0) : 0)));
  const ellipsis = (count: number): string[] => Array.from({ length: count }, (_, i) => `.${count - i}`);
  const expanded = (term: string, count: number): readonly string[] =>
    letters(term).flatMap((label) => (label === ELLIPSIS ? ellipsis(count) : [label]));
  const operands = terms.map((term, i) => {
    const extent = extents[i] ?? 0;
    if (extent < 0 || (extent > 0 && !term.includes(ELLIPSIS)))
      n.fail(`equation '${equation}': operand ${i} has rank ${ranks[i]}`);
    return expanded(term, extent);
  });
  if (right !== undefined) return { operands, result: expanded(right, widest) };
  const all = operands.flat();
  const once = [...new Set(all)].filter(
    (label) => !label.startsWith('.') && all.indexOf(label) === all.lastIndexOf(label),
  );
  return { operands, result: [...ellipsis(widest), ...once.sort()] };
}

/** A label that occurs twice in an operand takes its diagonal: of [n, n] as [n·n], every (n + 1)th element. */
function takeDiagonals(n: NodeImport, { value, labels }: Term): Term {
  const repeated = labels.find((label, axis) => labels.indexOf(label) !== axis);
  if (repeated === undefined) return { value, labels };
  const first = labels.indexOf(repeated);
  const second = labels.indexOf(repeated, first + 1);
  const rest = labels.map((_, axis) => axis).filter((axis) => axis !== first && axis !== second);
  const moved = transposeTo(n, value, [...rest, first, second]);
  const size = value.type.shape[first];
  if (typeof size !== 'number') return n.fail('the diagonal of a symbolic dimension is not supported');
  const outer = rest.map((axis) => value.type.shape[axis] ?? 1);
  const flat = reshapeTo(n, moved, [...outer, size * size]);
  const diagonal = n.emit('slice', [flat], {
    starts: [...outer.map(() => 0), 0],
    sizes: [...outer, size],
    steps: [...outer.map(() => 1), size + 1],
  });
  return takeDiagonals(n, { value: diagonal, labels: [...rest.map((axis) => labels[axis] ?? ''), repeated] });
}

/** Sums over labels that nothing else reads. */
function sumOut(n: NodeImport, { value, labels }: Term, needed: ReadonlySet<string>): Term {
  const axes = labels.flatMap((label, axis) => (needed.has(label) ? [] : [axis]));
  if (axes.length === 0) return { value, labels };
  return { value: reduceOver(n, 'sum', value, axes, false), labels: labels.filter((label) => needed.has(label)) };
}

/** The axes of `labels`, in their order; absent ones are 1. */
function arrange(n: NodeImport, { value, labels }: Term, order: readonly string[]): Term {
  const present = order.filter((label) => labels.includes(label));
  const moved = transposeTo(
    n,
    value,
    present.map((label) => labels.indexOf(label)),
  );
  const dims = order.map((label): Scalar => {
    const axis = labels.indexOf(label);
    return axis < 0 ? 1 : (value.type.shape[axis] ?? 1);
  });
  return { value: reshapeTo(n, moved, dims), labels: order };
}

function contract(n: NodeImport, a: Term, b: Term, needed: ReadonlySet<string>): Term {
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => needed.has(label));
  const summed = shared.filter((label) => !needed.has(label));
  const left = sumOut(n, a, new Set([...needed, ...shared]));
  const right = sumOut(n, b, new Set([...needed, ...shared]));
  const rows = left.labels.filter((label) => !shared.includes(label));
  const columns = right.labels.filter((label) => !shared.includes(label));
  const dims = ({ value, labels }: Term, names: readonly string[]): readonly Scalar[] =>
    names.map((label) => value.type.shape[labels.indexOf(label)] ?? 1);
  // A summed dimension may be 1 on one side and stretch to the other's.
  const sizes = summed.map((label): Scalar => widest(n, dims(left, [label])[0] ?? 1, dims(right, [label])[0] ?? 1));
  const stretched = (term: Term): Term => {
    const shape = term.value.type.shape.map((dim, axis): Scalar => {
      const at = summed.indexOf(term.labels[axis] ?? '');
      return at < 0 ? dim : (sizes[at] ?? dim);
    });
    const same = shape.every((dim, axis) => dim === term.value.type.shape[axis]);
    return same ? term : { value: n.emit('expand', [term.value], { shape }), labels: term.labels };
  };
  const [l, r] = [stretched(left), stretched(right)];
  const matrix = (term: Term, order: readonly string[], shape: readonly Scalar[]): OnnxValue =>
    reshapeTo(n, arrange(n, term, order).value, shape);
  const m = product(dims(l, rows));
  const k = product(sizes);
  const p = product(dims(r, columns));
  const result = n.emit(
    'matmul',
    [
      matrix(l, [...batch, ...rows, ...summed], [...dims(l, batch), m, k]),
      matrix(r, [...batch, ...summed, ...columns], [...dims(r, batch), k, p]),
    ],
    {},
  );
  const outer = result.type.shape.slice(0, -2);
  return {
    value: reshapeTo(n, result, [...outer, ...dims(l, rows), ...dims(r, columns)]),
    labels: [...batch, ...rows, ...columns],
  };
}

const widest = (n: NodeImport, a: Scalar, b: Scalar): Scalar => (boundsOf(a, n.bounds).max === 1 ? b : a);

function einsum(n: NodeImport): OnnxValue {
  const inputs = n.inputs();
  const { operands, result } = parse(n, n.string('equation'), inputs.map(rankOf));
  const known = new Set(operands.flat());
  if (!result.every((label) => known.has(label)) || new Set(result).size !== result.length)
    n.fail(`equation '${n.string('equation')}': the result names an axis twice or one that no operand has`);
  const terms = inputs.map((value, i) => takeDiagonals(n, { value, labels: operands[i] ?? [] }));
  const [first, ...others] = terms;
  if (first === undefined) return n.fail('has no operands');
  const final = others.reduce((a, b, i) => {
    const later = others.slice(i + 1).flatMap(({ labels }) => labels);
    return contract(n, a, b, new Set([...result, ...later]));
  }, first);
  const { value, labels } = sumOut(n, final, new Set(result));
  return transposeTo(
    n,
    value,
    result.map((label) => labels.indexOf(label)),
  );
}

export const einsums: Readonly<Record<string, Operator>> = {
  Einsum: {
    since: 12,
    into: ['transpose', 'reshape', 'slice', 'reduce', 'expand', 'matmul'],
    refuses: 'the diagonal of a symbolic dimension',
    import: einsum,
  },
};
