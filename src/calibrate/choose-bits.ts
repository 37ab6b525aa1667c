import { UserError } from '../user-error.js';
import type { Assignment } from './assign-bits.js';
import { type Drop, upperDrop } from './measure-drop.js';
import { decibels } from './score.js';

/** What the choice of bits has to keep. */
export type BitBound = { readonly maxDrop: number } | { readonly maxBytes: number };

/** An assignment that was built: what it really weighs and, where that was measured, loses. */
export interface TriedAssignment {
  readonly assignment: Assignment;
  readonly weightsBytes: number;
  readonly drop: Drop | undefined;
}

/** A bound that no assignment keeps. */
export class BoundError extends UserError {
  override readonly name = 'BoundError';
}

/**
 * The assignment of least error whose package has at most `most` bytes of weights.
 *
 * @param front by bytes, as `paretoFront` gives it
 * @param weigh builds an assignment: what packing, tables and what stays in float add is known then
 * @throws BoundError naming the least size there is
 */
export function underBytes(
  front: readonly Assignment[],
  most: number,
  weigh: (assignment: Assignment) => number,
): { readonly assignment: Assignment; readonly weightsBytes: number } {
  const smallest = { assignment: front[0]!, weightsBytes: weigh(front[0]!) };
  if (smallest.weightsBytes > most)
    throw new BoundError(
      `--max-bytes ${most}: with all layers at their fewest bits the weights still take ${smallest.weightsBytes} bytes`,
    );
  // What the sizes of the assignments do not count, as it is in one of them.
  let room = most - (smallest.weightsBytes - smallest.assignment.bytes);
  for (;;) {
    const assignment = front.findLast(({ bytes }) => bytes <= room);
    if (assignment === undefined || assignment === smallest.assignment) return smallest;
    const weightsBytes = weigh(assignment);
    if (weightsBytes <= most) return { assignment, weightsBytes };
    room = Math.min(assignment.bytes - 1, room - (weightsBytes - most));
  }
}

/** Measurements between the fewest bits and all layers at 8. */
const STEPS = 4;

/**
 * The smallest assignment found that loses at most `most`, one standard error to spare: the errors that the front knows order
 * the assignments, and bisection on their logarithm finds the one that the measured drop allows.
 *
 * @param fineError the error of a usual build, from where more bits hardly matter
 * @throws BoundError where even the least error loses more
 */
export async function underDrop(
  front: readonly Assignment[],
  most: number,
  fineError: number,
  measure: (assignment: Assignment) => Promise<TriedAssignment & { readonly drop: Drop }>,
): Promise<{ readonly chosen: TriedAssignment; readonly tried: readonly TriedAssignment[] }> {
  const tried: (TriedAssignment & { readonly drop: Drop })[] = [];
  const keeps = async (assignment: Assignment): Promise<boolean> => {
    const known = tried.find((other) => other.assignment === assignment);
    const result = known ?? (await measure(assignment));
    if (known === undefined) tried.push(result);
    return upperDrop(result.drop) <= most;
  };
  const within = (error: number): Assignment => front.find((assignment) => assignment.error <= error) ?? front.at(-1)!;
  let [fine, coarse] = [Math.log(Math.max(fineError, Number.MIN_VALUE)), Math.log(front[0]!.error)];
  let best: Assignment | undefined;
  for (let step = 0; step < STEPS && fine < coarse; step++) {
    const middle = (fine + coarse) / 2;
    const assignment = within(Math.exp(middle));
    if (await keeps(assignment)) [fine, best] = [middle, assignment];
    else coarse = middle;
  }
  for (const fallback of [within(fineError), front.at(-1)!])
    if (best === undefined && (await keeps(fallback))) best = fallback;
  if (best === undefined) {
    const { drop, assignment } = tried.at(-1)!;
    throw new BoundError(
      `--max-drop ${most}: the most exact assignment, with ${decibels(1, assignment.error).toFixed(0)} dB, loses ${drop.mean.toFixed(4)} ± ${drop.standardError.toFixed(4)} on ${drop.prompts} prompts, measured against that bound with the standard error added; allow more, or calibrate on more prompts`,
    );
  }
  return { chosen: tried.find(({ assignment }) => assignment === best)!, tried };
}
