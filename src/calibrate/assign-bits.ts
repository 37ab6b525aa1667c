/** One way to run a layer, or layers that are decided together. */
export interface BitOption {
  /** Of the weights as they are stored. */
  readonly bytes: number;
  /** What it adds to the squared error of the outputs. */
  readonly error: number;
}

/** One option for each group. */
export interface Assignment {
  readonly bytes: number;
  readonly error: number;
  /** By group: the index of its option. */
  readonly options: readonly number[];
}

/** A choice for the first groups; a list from the last of them back. */
interface Chain {
  readonly bytes: number;
  readonly error: number;
  readonly option: number;
  readonly before: Chain | undefined;
}

/** Beyond so many of them, those that hardly differ in size are merged, the one of less error stays. */
const MOST_CHAINS = 1 << 15;

/**
 * Every assignment that no other one beats in both bytes and error, least bytes first: the multiple-choice knapsack problem,
 * solved for all bounds at once by adding group after group to the front (Nemhauser and Ullmann 1969). The least bytes under a
 * bound on the error, and the least error under one on the bytes, are both on it.
 *
 * @param groups the options of each, at least one
 */
export function paretoFront(groups: readonly (readonly BitOption[])[]): readonly Assignment[] {
  let front: readonly Chain[] = [{ bytes: 0, error: 0, option: -1, before: undefined }];
  for (const options of groups) {
    const lists = options.map(({ bytes, error }, option) =>
      front.map((before): Chain => ({ bytes: before.bytes + bytes, error: before.error + error, option, before })),
    );
    front = thinned(undominated(lists.flat().sort((a, b) => a.bytes - b.bytes || a.error - b.error)));
  }
  return front.map((last) => ({ bytes: last.bytes, error: last.error, options: optionsOf(last) }));
}

/** Of chains by bytes, those with less error than all that are smaller. */
function undominated(sorted: readonly Chain[]): readonly Chain[] {
  let least = Number.POSITIVE_INFINITY;
  return sorted.filter(({ error }) => {
    if (error >= least) return false;
    least = error;
    return true;
  });
}

/** The one of least error in each of `MOST_CHAINS` even ranges of bytes, and the smallest. */
function thinned(front: readonly Chain[]): readonly Chain[] {
  if (front.length <= MOST_CHAINS) return front;
  const [least, most] = [front[0]!.bytes, front.at(-1)!.bytes];
  const rangeOf = ({ bytes }: Chain): number => Math.floor((MOST_CHAINS * (bytes - least)) / (most - least));
  return front.filter((chain, i) => i === 0 || i === front.length - 1 || rangeOf(chain) !== rangeOf(front[i + 1]!));
}

function optionsOf(last: Chain): readonly number[] {
  const options: number[] = [];
  for (let at: Chain | undefined = last; at !== undefined && at.option >= 0; at = at.before) options.push(at.option);
  return options.reverse();
}
