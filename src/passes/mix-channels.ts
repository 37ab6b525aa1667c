import type { Editor } from '../ir/edit.js';
import type { ValueId } from '../ir/graph.js';
import { zeros } from '../ir/ops/elements.js';
import type { Projection } from './scale-query-key.js';

/**
 * A change of basis of the channels of each head: rows x [heads·d] become x·to, and rows y that they are multiplied with y·from,
 * head by head. `from` is the transposed inverse of `to`, so (x·to)·(y·from)ᵀ = x·yᵀ.
 */
export interface HeadBases {
  readonly heads: number;
  /** [heads, d, d], row-major. */
  readonly to: Float64Array;
  /** [heads, d, d], row-major. */
  readonly from: Float64Array;
}

const channelsOf = (blocks: Float64Array, heads: number): number => Math.sqrt(blocks.length / heads);

/**
 * Constant x [..., m] with its last axis in another basis: each d of its channels by the block of their head. An x of one head's
 * channels (the tables that all heads share) takes the first.
 */
export function mixColumns(editor: Editor, x: ValueId, blocks: Float64Array, heads: number): ValueId {
  const d = channelsOf(blocks, heads);
  return mixed(editor, x, (from, to) => {
    for (let at = 0; at < from.length; at += d) {
      const block = ((at / d) % heads) * d * d;
      for (let j = 0; j < d; j++) {
        let sum = 0;
        for (let i = 0; i < d; i++) sum += from[at + i]! * blocks[block + i * d + j]!;
        to[at + j] = sum;
      }
    }
  });
}

/** Constant x [heads·d, k] with its first axis in another basis, as the weight of a projection whose results are. */
export function mixRows(editor: Editor, x: ValueId, blocks: Float64Array, heads: number): ValueId {
  const d = channelsOf(blocks, heads);
  const k = editor.type(x).shape[1] as number;
  return mixed(editor, x, (from, to) => {
    const sums = new Float64Array(k);
    for (let row = 0; row < heads * d; row++) {
      const [head, j] = [Math.floor(row / d), row % d];
      sums.fill(0);
      for (let i = 0; i < d; i++) {
        const factor = blocks[(head * d + i) * d + j]!;
        for (let c = 0; c < k; c++) sums[c]! += factor * from[(head * d + i) * k + c]!;
      }
      to.set(sums, row * k);
    }
  });
}

/** A projection with this bias whose results are in other bases: those of `to`. */
export function mixProjection(
  editor: Editor,
  { node, weight, bias, addend }: Projection,
  bases: Pick<HeadBases, 'heads' | 'to'> | undefined,
): void {
  editor.at(node);
  const [x] = node.operands as [ValueId];
  const columns = (value: ValueId | null): ValueId | null =>
    bases && value !== null ? mixColumns(editor, value, bases.to, bases.heads) : value;
  const rows = bases ? mixRows(editor, weight, bases.to, bases.heads) : weight;
  const operands = [x, rows, columns(bias), ...(addend === null ? [] : [columns(addend)])];
  editor.replace(node.results[0]!, editor.emitOne('linear', operands, node.attrs));
}

/** W·c [n] of a constant W [n, k]. */
export function times(editor: Editor, weight: ValueId, c: Float32Array): ValueId {
  const [n, k] = editor.type(weight).shape as [number, number];
  const { load } = editor.constant(weight)!;
  return editor.addConstant({ dtype: 'f32', shape: [n] }, '', () => {
    const w = load().data as Float32Array;
    const product = zeros('f32', [n]);
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let j = 0; j < k; j++) sum += w[i * k + j]! * c[j]!;
      product.data[i] = sum;
    }
    return product;
  });
}

/** A constant made of another when it is loaded. */
function mixed(editor: Editor, x: ValueId, fill: (from: Float32Array, to: Float32Array) => void): ValueId {
  const { load } = editor.constant(x)!;
  const type = editor.type(x);
  return editor.addConstant(type, editor.name(x), () => {
    const result = zeros('f32', type.shape as readonly number[]);
    fill(load().data as Float32Array, result.data as Float32Array);
    return result;
  });
}
