import { register } from 'node:module';

/** Watches which branches of this project's code have run. */
export interface Coverage {
  /** How many ran since the last call that never did before. */
  fresh(): number;
  /** How many ever ran. */
  size(): number;
}

const MOST_BRANCHES = 1 << 15;
declare global {
  /** Written by instrumented code. */
  var hits: Uint8Array;
}

/** Instruments every source that is loaded from now on. */
export function watchCoverage(): Coverage {
  globalThis.hits = new Uint8Array(MOST_BRANCHES);
  register('./instrument.mjs', import.meta.url);
  const seen = new Uint8Array(MOST_BRANCHES);
  let size = 0;
  return {
    fresh: () => {
      const before = size;
      const { hits } = globalThis;
      for (let i = 0; i < MOST_BRANCHES; i++)
        if (hits[i]! > seen[i]!) {
          seen[i] = 1;
          size++;
        }
      return size - before;
    },
    size: () => size,
  };
}
