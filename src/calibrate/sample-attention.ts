import type { Editor } from '../ir/edit.js';
import { type Graph, typeOf, type ValueId } from '../ir/graph.js';
import { ATTENTION } from '../passes/scale-query-key.js';
import type { Attention } from './attentions.js';

/**
 * The part of an attention that trials compute: every `step`-th window in both directions, or without windows every
 * `step`-th row of queries with all keys. What is left out is left out of the float reference too.
 */
export interface Sampling {
  readonly step: number;
  /** Tokens as a grid [height, width] to choose rows, or rows and columns of windows, from. */
  readonly grid: readonly [number, number];
  /** Of the grid of chosen tokens; undefined without windows. */
  readonly window: readonly number[] | undefined;
  /** Of the operands with the chosen tokens. */
  readonly shapes: Readonly<Record<'q' | 'k' | 'v', readonly number[]>>;
}

/**
 * Multiply-accumulates of a trial of one attention on one sample. A hundred queries with all keys, or a few windows, of the
 * largest attentions; others whole.
 */
export const TRIAL_MACS = 2 ** 30;

const chosen = (count: number, step: number): readonly number[] =>
  Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step);

interface Band {
  readonly start: number;
  readonly size: number;
}

/** Where every `step`-th window of `size` lies along an axis; the last one may hang over. */
const bandsOf = (extent: number, size: number, step: number): readonly Band[] =>
  chosen(Math.ceil(extent / size), step).map((i) => ({ start: i * size, size: Math.min(size, extent - i * size) }));

const extentOf = (bands: readonly Band[]): number => bands.reduce((sum, { size }) => sum + size, 0);

/** How an attention with static operands is sampled: whole where that takes no more multiply-accumulates than `most`. */
export function samplingOf(graph: Graph, { operands, attrs }: Attention, most: number): Sampling {
  const [q, k, v] = ([ATTENTION.q, ATTENTION.k, ATTENTION.v] as const).map(
    (index) => typeOf(graph, operands[index]!).shape as readonly number[],
  ) as [readonly number[], readonly number[], readonly number[]];
  const [batch, queries, width] = q as [number, number, number];
  const channels = width + v[2]!;
  const { window } = attrs;
  // A bias has an element for each pair of tokens: it is not cut up.
  const divisible = operands[ATTENTION.bias] == null;
  const least = (limit: number, macs: (step: number) => number): number => {
    let step = 1;
    while (divisible && step < limit && macs(step) > most) step++;
    return step;
  };
  if (window) {
    const [height, breadth, winHeight, winWidth] = window as [number, number, number, number];
    const pair = (winHeight * winWidth) ** 2 * channels * batch;
    const windows = [Math.ceil(height / winHeight), Math.ceil(breadth / winWidth)] as const;
    const step = least(Math.max(...windows), (s) => chosen(windows[0], s).length * chosen(windows[1], s).length * pair);
    const grid = [extentOf(bandsOf(height, winHeight, step)), extentOf(bandsOf(breadth, winWidth, step))] as const;
    const cut = (shape: readonly number[]): readonly number[] => [batch, grid[0] * grid[1], shape[2]!];
    return {
      step,
      grid: [height, breadth],
      window: [...grid, winHeight, winWidth],
      shapes: { q: cut(q), k: cut(k), v: cut(v) },
    };
  }
  const table = operands[ATTENTION.relHeight];
  const rows = table == null ? queries : (typeOf(graph, table).shape[0] as number);
  const breadth = queries / rows;
  const step = least(rows, (s) => batch * chosen(rows, s).length * breadth * k[1]! * channels);
  return {
    step,
    grid: [rows, breadth],
    window: undefined,
    shapes: { q: [batch, chosen(rows, step).length * breadth, width], k, v },
  };
}

/** Every `step`-th element along `axis`. */
function strided(editor: Editor, value: ValueId, axis: number, step: number): ValueId {
  const shape = editor.type(value).shape as readonly number[];
  return editor.emitOne('slice', [value], {
    starts: shape.map(() => 0),
    sizes: shape.map((size, at) => (at === axis ? Math.ceil(size / step) : size)),
    steps: shape.map((_, at) => (at === axis ? step : 1)),
  });
}

function bands(editor: Editor, value: ValueId, axis: number, pieces: readonly Band[]): ValueId {
  const shape = editor.type(value).shape as readonly number[];
  const parts = pieces.map(({ start, size }) =>
    editor.emitOne('slice', [value], {
      starts: shape.map((_, at) => (at === axis ? start : 0)),
      sizes: shape.map((extent, at) => (at === axis ? size : extent)),
      steps: shape.map(() => 1),
    }),
  );
  return parts.length === 1 ? parts[0]! : editor.emitOne('concat', parts, { axis });
}

/** The chosen tokens of q, k or v. */
export function sampleOperand(
  editor: Editor,
  value: ValueId,
  role: keyof Sampling['shapes'],
  { step, grid, window, shapes }: Sampling,
): ValueId {
  if (step === 1 || (window === undefined && role !== 'q')) return value;
  const [batch, , channels] = shapes[role] as [number, number, number];
  let at = editor.emitOne('reshape', [value], { shape: [batch, ...grid, channels] });
  if (window) {
    const [, , height, width] = window as [number, number, number, number];
    at = bands(editor, at, 1, bandsOf(grid[0], height, step));
    at = bands(editor, at, 2, bandsOf(grid[1], width, step));
  } else at = strided(editor, at, 1, step);
  return editor.emitOne('reshape', [at], { shape: shapes[role] });
}

/** The table of relative heights for the chosen queries: within windows all of it. */
export const sampleTable = (editor: Editor, table: ValueId, { step, window }: Sampling): ValueId =>
  step === 1 || window ? table : strided(editor, table, 0, step);
