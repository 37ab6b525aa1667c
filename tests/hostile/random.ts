/** Reproducible choices: the same seed gives the same sequence on every machine. */
export interface Random {
  /** Uniform in [0, below). */
  int(below: number): number;
  /** True once in `n` times. */
  once(n: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** Small numbers often, large ones rarely: 1, 2, … up to `most`. */
  few(most: number): number;
}

export function random(seed: number): Random {
  let state = seed >>> 0;
  /** Mulberry32. */
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return (x ^ (x >>> 14)) >>> 0;
  };
  const int = (below: number): number => Math.floor((next() / 2 ** 32) * below);
  return {
    int,
    once: (n) => int(n) === 0,
    pick: (items) => items[int(items.length)]!,
    few: (most) => 1 + int(1 + int(most)),
  };
}
