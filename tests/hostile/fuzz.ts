import type { Coverage } from './coverage.js';
import type { Outcome } from './outcome.js';
import type { Random } from './random.js';

/** Something that takes hostile bytes. */
export interface Target {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  readonly mutate: (input: Uint8Array, random: Random) => Uint8Array;
  readonly run: (input: Uint8Array) => Outcome | Promise<Outcome>;
}

export interface FuzzResult {
  readonly inputs: number;
  readonly accepted: number;
  readonly refused: number;
  /** The first input for each defect, by where it showed. */
  readonly defects: ReadonlyMap<string, { readonly message: string; readonly input: Uint8Array }>;
  readonly corpus: readonly Uint8Array[];
  /** Seconds of the slowest input. */
  readonly slowest: number;
}

export interface FuzzOptions {
  /** Besides the seeds; where infinite, `onBatch` ends the run. */
  readonly inputs: number;
  readonly random: Random;
  /** Without, the corpus stays as it is. */
  readonly coverage?: Coverage;
  /** Called now and then, with the inputs done; false ends the run. */
  readonly onBatch?: (done: number, corpus: number) => boolean | undefined;
  /** Called at the first input of each defect. */
  readonly onDefect?: (message: string, input: Uint8Array) => void;
}

/** An input of more processor time is a hang. */
const HANG_SECONDS = 10;
/** An input n times as long is mutated n times less often: it takes about as much longer. */
const SHORT_BYTES = 500;
/** How often the caller is told. */
const BATCH = 64;

/** Wall-clock time: asking for processor time is a system call, which takes as long as an input does. */
const now = (): number => performance.now() / 1000;
function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Runs mutations of a corpus; inputs that reach code which no other did join it. The same seed does the same again. */
export async function fuzz({ seeds, mutate, run }: Target, options: FuzzOptions): Promise<FuzzResult> {
  const { random, coverage } = options;
  const corpus = [...seeds];
  const defects = new Map<string, { message: string; input: Uint8Array }>();
  const counts = { accepted: 0, refused: 0, defect: 0 };
  let slowest = 0;
  const judge = async (input: Uint8Array): Promise<Outcome> => {
    const start = now();
    const outcome = await run(input);
    const wall = now() - start;
    slowest = Math.max(slowest, wall);
    if (wall < HANG_SECONDS) return outcome;
    // Slow, or on a machine that does something else? Once more, by processor time.
    const before = processorSeconds();
    await run(input);
    const seconds = processorSeconds() - before;
    return seconds > HANG_SECONDS
      ? { kind: 'defect', place: 'time', message: `took ${seconds.toFixed(0)} s` }
      : outcome;
  };
  /** Half of the time one of those found lately, which is where new ground is near. */
  const parent = (): Uint8Array => {
    for (;;) {
      const last = random.once(2) ? corpus.length : Math.min(corpus.length, 64);
      const candidate = corpus[corpus.length - 1 - random.int(last)]!;
      if (random.int(Math.max(SHORT_BYTES, candidate.length)) < SHORT_BYTES) return candidate;
    }
  };
  const tryOut = async (input: Uint8Array): Promise<Outcome> => {
    const outcome = await judge(input);
    if (outcome.kind === 'defect' && !defects.has(outcome.place)) {
      defects.set(outcome.place, { message: outcome.message, input });
      options.onDefect?.(outcome.message, input);
    }
    return outcome;
  };
  // What was kept of earlier runs is there to be tried again, too.
  for (const seed of seeds) await tryOut(seed);
  coverage?.fresh();
  let done = 0;
  while (done < options.inputs) {
    const input = mutate(parent(), random);
    counts[(await tryOut(input)).kind]++;
    if (coverage && coverage.fresh() > 0) corpus.push(input);
    if (++done % BATCH === 0 && options.onBatch?.(done, corpus.length) === false) break;
  }
  const { accepted, refused } = counts;
  return { inputs: done, accepted, refused, defects, corpus, slowest };
}
