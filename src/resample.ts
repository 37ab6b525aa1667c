export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Bits after the point of a weight: 8 bits of pixel and 2 of head room are left of 32. */
const WEIGHT_BITS = 22;

interface Filter {
  /** First input of each output, and how many. */
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** Weights in fixed point, `taps` for each output. */
  readonly weights: Int32Array;
  readonly taps: number;
}

/** A triangle as wide as one input where the picture grows, as wide as one output where it shrinks (antialiasing). */
function triangleFilter(from: number, to: number): Filter {
  const scale = from / to;
  const reach = Math.max(scale, 1);
  const taps = Math.ceil(reach) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Int32Array(to * taps);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const low = Math.max(0, Math.floor(centre - reach + 0.5));
    const high = Math.min(from, Math.floor(centre + reach + 0.5));
    const exact = Array.from({ length: high - low }, (_, k) =>
      Math.max(0, 1 - Math.abs((low + k - centre + 0.5) / reach)),
    );
    const sum = exact.reduce((a, b) => a + b, 0);
    first[i] = low;
    count[i] = high - low;
    exact.forEach((weight, k) => {
      weights[i * taps + k] = Math.floor((weight / sum) * 2 ** WEIGHT_BITS + 0.5);
    });
  }
  return { first, count, weights, taps };
}

/**
 * Resizes 8-bit pixels [height, width, channels] with an antialiased bilinear filter. Gives the bytes that Pillow's
 * `resize(size, BILINEAR)` gives, with which SAM's own preprocessing (ResizeLongestSide) works: columns first, rounded to 8 bits, then rows.
 */
export function resampleBilinear(pixels: Uint8Array, channels: number, from: Size, to: Size): Uint8Array {
  const half = 1 << (WEIGHT_BITS - 1);
  const rowBytes = to.width * channels;

  let wide = pixels;
  if (to.width !== from.width) {
    const { first, count, weights, taps } = triangleFilter(from.width, to.width);
    wide = new Uint8Array(from.height * rowBytes);
    for (let y = 0, out = 0; y < from.height; y++) {
      const row = y * from.width * channels;
      for (let x = 0; x < to.width; x++) {
        const start = row + first[x]! * channels;
        for (let c = 0; c < channels; c++, out++) {
          let sum = half;
          for (let k = 0; k < count[x]!; k++) sum += pixels[start + k * channels + c]! * weights[x * taps + k]!;
          wide[out] = sum >> WEIGHT_BITS;
        }
      }
    }
  }
  if (to.height === from.height) return wide === pixels ? pixels.slice() : wide;

  const { first, count, weights, taps } = triangleFilter(from.height, to.height);
  const result = new Uint8Array(to.height * rowBytes);
  for (let y = 0, out = 0; y < to.height; y++) {
    const start = first[y]! * rowBytes;
    for (let x = 0; x < rowBytes; x++, out++) {
      let sum = half;
      for (let k = 0; k < count[y]!; k++) sum += wide[start + k * rowBytes + x]! * weights[y * taps + k]!;
      result[out] = sum >> WEIGHT_BITS;
    }
  }
  return result;
}
