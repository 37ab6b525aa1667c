import type { Tensor } from '../../src/ir/types.js';

/** By name. */
export type Outputs = ReadonlyMap<string, Tensor>;

/** Outputs of one input. */
export interface Sample {
  /** The reference's. */
  readonly expected: Outputs;
  readonly found: Outputs;
  /**
   * The reference's before one mask is chosen: where an output of these has more along its second axis than `expected` has,
   * those are the candidates.
   */
  readonly candidates?: Outputs;
}

export interface Difference {
  /** The largest over the samples of max |x − y| / max |y|. */
  readonly relative: number;
  /** Signal to noise of all samples together, in decibels; infinite where there is no noise. */
  readonly decibels: number;
}

/** A sample whose mask is another one than the reference chose. */
export interface OtherChoice {
  readonly sample: number;
  /** What the reference predicts for the mask that was chosen, and for the one that it chose itself. */
  readonly score: number;
  readonly best: number;
}

export interface Comparison {
  readonly outputs: ReadonlyMap<string, Difference>;
  readonly otherChoices: readonly OtherChoice[];
}

/** Of the chosen mask and of its score, in every model that chooses one. */
const [MASKS, SCORES] = ['masks', 'iou_predictions'];

const extent = (tensor: Tensor): number => tensor.shape[1] ?? 1;

/** One candidate of [1, n, ..rest], as [1, 1, ..rest]. */
function candidate({ dtype, shape, data }: Tensor, index: number): Tensor {
  const size = data.length / shape[1]!;
  const part = data.slice(size * index, size * (index + 1)) as Tensor['data'];
  return { dtype, shape: [1, 1, ...shape.slice(2)], data: part } as Tensor;
}

function distance(a: Tensor, b: Tensor): number {
  let sum = 0;
  for (const [i, y] of b.data.entries()) sum += (Number(a.data[i]) - Number(y)) ** 2;
  return sum;
}

/** Which of the candidates a chosen mask is: the nearest. */
function choiceOf(chosen: Tensor, candidates: Tensor): number {
  const distances = Array.from({ length: extent(candidates) }, (_, i) => distance(chosen, candidate(candidates, i)));
  return distances.indexOf(Math.min(...distances));
}

/**
 * Outputs of all samples against the reference's. A prediction that is a little off may choose another mask than the
 * reference does, which says nothing of how exact that mask is: where candidates are given, outputs are compared with those of
 * the candidate that was chosen, and other choices are listed.
 */
export function compareOutputs(samples: readonly Sample[]): Comparison {
  const sums = new Map<string, { relative: number; signal: number; noise: number }>();
  const otherChoices: OtherChoice[] = [];
  for (const [index, { expected, found, candidates }] of samples.entries()) {
    const masks = candidates?.get(MASKS!);
    const choice = masks && choiceOf(found.get(MASKS!)!, masks);
    const ofChoice = (name: string): Tensor => {
      const all = candidates?.get(name);
      const own = expected.get(name)!;
      return all === undefined || extent(all) === extent(own) ? own : candidate(all, choice!);
    };
    if (masks !== undefined && choiceOf(expected.get(MASKS!)!, masks) !== choice)
      otherChoices.push({
        sample: index,
        score: Number(ofChoice(SCORES!).data[0]),
        best: Number(expected.get(SCORES!)!.data[0]),
      });
    for (const name of expected.keys()) {
      const [right, ours] = [ofChoice(name), found.get(name)!];
      if (String(ours.shape) !== String(right.shape))
        throw new Error(`${name}: shape ${ours.shape}, not ${right.shape}`);
      const total = sums.get(name) ?? { relative: 0, signal: 0, noise: 0 };
      let [difference, largest] = [0, 0];
      for (const [i, element] of right.data.entries()) {
        const value = Number(element);
        const error = Math.abs(Number(ours.data[i]) - value);
        difference = Math.max(difference, error);
        largest = Math.max(largest, Math.abs(value));
        total.signal += value * value;
        total.noise += error * error;
      }
      sums.set(name, { ...total, relative: Math.max(total.relative, difference / largest) });
    }
  }
  const outputs = new Map(
    [...sums].map(([name, { relative, signal, noise }]) => [
      name,
      { relative, decibels: noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise) },
    ]),
  );
  return { outputs, otherChoices };
}

/** In words, for a table; nothing where every choice is the reference's. */
export function otherChoicesInWords(choices: readonly OtherChoice[], samples: number): string {
  if (choices.length === 0) return '';
  const scores = choices.map(({ score, best }) => `${score.toFixed(2)} instead of ${best.toFixed(2)}`);
  return `; another mask for ${choices.length} of ${samples} prompts (IoU by onnxruntime ${scores.join(', ')})`;
}
