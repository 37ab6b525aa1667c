/** The same numbers on every machine. */

/** Uniform in [−1, 1), seeded by a text (FNV-1a, then a linear congruential generator whose high bits are mixed). */
export function seededUniform(seed: string): () => number {
  let state = 0x811c9dc5;
  for (let i = 0; i < seed.length; i++) state = Math.imul(state ^ seed.charCodeAt(i), 0x01000193) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0;
    return ((mixed ^ (mixed >>> 12)) >>> 0) / 2 ** 31 - 1;
  };
}

/** [channels, side, side] of smooth waves and some noise, near −2 … 2: what a normalised photograph looks like to a convolution. */
export function smoothField(seed: string, channels: number, side: number): Float32Array {
  const next = seededUniform(seed);
  const field = new Float32Array(channels * side * side);
  for (let c = 0; c < channels; c++) {
    const waves = Array.from({ length: 4 }, () => ({
      x: 9 * next(),
      y: 9 * next(),
      phase: Math.PI * next(),
      height: 0.4 + 0.4 * next(),
    }));
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        let sum = 0.25 * next();
        for (const wave of waves) sum += wave.height * Math.sin((wave.x * x + wave.y * y) / side + wave.phase);
        field[(c * side + y) * side + x] = sum;
      }
  }
  return field;
}
