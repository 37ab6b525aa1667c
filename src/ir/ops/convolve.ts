import { allocate, elementCount, type StaticTensorType, type Tensor } from '../types.js';
import { elementsOf, isBig } from './elements.js';
import { multiplyRows, type Rows } from './product.js';
import { coordinates } from './window.js';

/** Output positions whose patches are laid out at a time. */
const PATCH_ROWS = 64;

/** For each spatial axis and output position, the input position under every tap of the kernel; −1 outside. */
export type TapSources = readonly (readonly Int32Array[])[];

/** Channels last: x [b, in…, _], weight [_, kernel…, _], result [b, out…, _]. `source` may give fractions, which reach nothing. */
export function tapSources(
  x: Tensor,
  weight: Tensor,
  result: StaticTensorType,
  source: (o: number, tap: number, axis: number) => number,
): TapSources {
  return x.shape.slice(1, -1).map((extent, axis) =>
    Array.from({ length: result.shape[axis + 1]! }, (_, o) =>
      Int32Array.from({ length: weight.shape[axis + 1]! }, (_, tap) => {
        const at = source(o, tap, axis);
        return Number.isInteger(at) && at >= 0 && at < extent ? at : -1;
      }),
    ),
  );
}

/** Offsets, in positions of a spatial shape, of the taps of one output position in row-major order; −1 outside. */
function patchOffsets(sources: TapSources, extents: readonly number[], position: readonly number[]): Int32Array {
  return sources.reduce((outer, axis, at) => {
    const taps = axis[position[at]!]!;
    const offsets = new Int32Array(outer.length * taps.length);
    outer.forEach((base, i) => {
      taps.forEach((tap, j) => {
        offsets[i * taps.length + j] = base < 0 || tap < 0 ? -1 : base * extents[at]! + tap;
      });
    });
    return offsets;
  }, Int32Array.of(0));
}

/** Weight [c, kernel…, o/groups] of a transposed convolution as rows [o, kernel…, c/groups]. */
export function outputRows(weight: Tensor, groups: number): Rows {
  const channels = weight.shape[0]!;
  const perGroup = channels / groups;
  const outputs = weight.shape.at(-1)!;
  const taps = elementCount(weight.shape.slice(1, -1));
  const stride = taps * perGroup;
  const data = allocate(weight.dtype, channels * taps * outputs);
  const [from, to] = [elementsOf(weight.data), elementsOf(data)];
  for (let c = 0; c < channels; c++) {
    const group = Math.floor(c / perGroup);
    for (let tap = 0; tap < taps; tap++)
      for (let o = 0; o < outputs; o++)
        to[(group * outputs + o) * stride + tap * perGroup + (c % perGroup)] = from[(c * taps + tap) * outputs + o]!;
  }
  return { data, start: 0, stride };
}

/**
 * result[b, o…, j] = Σ_taps Σ_c x[b, source(o, tap)…, group·cg + c]·weight[j, tap, c], sequential in taps and channels:
 * patches of x as rows, zero outside, times the rows of the weight.
 */
export function convolve(x: Tensor, weight: Rows, groups: number, sources: TapSources, result: Tensor): void {
  const [batch, channels, outputs] = [x.shape[0]!, x.shape.at(-1)!, result.shape.at(-1)!];
  const [perGroup, outputsPerGroup] = [channels / groups, outputs / groups];
  const extents = x.shape.slice(1, -1);
  const out = result.shape.slice(1, -1);
  const [pixels, positions] = [elementCount(extents), elementCount(out)];
  const k = weight.stride;
  if (result.data.length === 0) return;
  const zero = isBig(x.dtype) ? 0n : 0;
  const patches = allocate(x.dtype, Math.min(PATCH_ROWS, positions) * k);
  const [from, rows] = [elementsOf(x.data), elementsOf(patches)];

  for (let b = 0; b < batch; b++)
    for (let first = 0; first < positions; first += PATCH_ROWS) {
      const count = Math.min(PATCH_ROWS, positions - first);
      const offsets = Array.from({ length: count }, (_, r) =>
        patchOffsets(sources, extents, coordinates(first + r, out)),
      );
      for (let g = 0; g < groups; g++) {
        let at = 0;
        for (const patch of offsets)
          for (let tap = 0; tap < patch.length; tap++) {
            const offset = patch[tap]!;
            const start = (b * pixels + offset) * channels + g * perGroup;
            for (let c = 0; c < perGroup; c++) rows[at++] = offset < 0 ? zero : from[start + c]!;
          }
        multiplyRows(
          x.dtype,
          count,
          outputsPerGroup,
          k,
          { data: patches, start: 0, stride: k },
          { ...weight, start: g * outputsPerGroup * k },
          { data: result.data, start: (b * positions + first) * outputs + g * outputsPerGroup, stride: outputs },
        );
      }
    }
}
