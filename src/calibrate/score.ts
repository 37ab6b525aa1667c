import type { Editor } from '../ir/edit.js';
import type { ValueId } from '../ir/graph.js';
import type { Tensor } from '../ir/types.js';

/**
 * Adds outputs `error_<name>` to the program: the squared differences of `candidate` and `reference` [..., n], summed
 * over the last axis. The rest is added up in double by `totals`; nothing of an attention matrix's size is kept.
 */
export function addError(editor: Editor, name: string, reference: ValueId, candidate: ValueId): void {
  const difference = editor.emitOne('binary', [reference, candidate], { fn: 'sub' });
  addSquareSum(editor, `error_${name}`, difference);
}

/** Adds an output with the squares of `value` [..., n], summed over the last axis. */
export function addSquareSum(editor: Editor, name: string, value: ValueId): void {
  const squares = editor.emitOne('binary', [value, value], { fn: 'mul' });
  const axis = editor.type(value).shape.length - 1;
  editor.output(name, editor.emitOne('reduce', [squares], { fn: 'sum', axes: [axis], keepdims: false }));
}

/** Adds up outputs of programs by name, in double, over samples. */
export function totals() {
  const sums = new Map<string, number>();
  return {
    add(outputs: ReadonlyMap<string, Tensor>): void {
      for (const [name, { data }] of outputs) {
        let sum = sums.get(name) ?? 0;
        for (const value of data) sum += Number(value);
        sums.set(name, sum);
      }
    },
    /** Undefined where no output is called that. */
    find: (name: string): number | undefined => sums.get(name),
    get(name: string): number {
      const sum = sums.get(name);
      if (sum === undefined) throw new Error(`no output is called ${name}`);
      return sum;
    },
  };
}

/** Signal-to-quantization-noise ratio in decibels. */
export const decibels = (signal: number, noise: number): number =>
  noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
