const roundUp = (x: number, to: number): number => Math.ceil(x / to) * to;

/** Bytes of a relative-position table [slices, keys, channels] as sq_attention_u8.h packs it. */
export const relativeTableU8Bytes = (slices: number, keys: number, channels: number): number =>
  slices * roundUp(keys, 16) * 4 * (1 + Math.ceil(channels / 4));

/**
 * A table of s8 codes [slices, keys, channels] in the layout of sq_attention_u8.h: for each slice the terms −zq·ΣR of its
 * keys, then the codes in groups of four channels; keys rounded up to 16, zeros in all padding.
 */
export function packRelativeTableU8(
  table: Int8Array,
  [slices, keys, channels]: readonly [number, number, number],
  zq: number,
): Uint8Array {
  const padded = roundUp(keys, 16);
  const sliceBytes = relativeTableU8Bytes(1, keys, channels);
  const packed = new Uint8Array(slices * sliceBytes);
  const view = new DataView(packed.buffer);
  for (let slice = 0; slice < slices; slice++) {
    for (let key = 0; key < keys; key++) {
      const row = table.subarray((slice * keys + key) * channels, (slice * keys + key + 1) * channels);
      const sum = row.reduce((total, value) => total + value, 0);
      view.setInt32(slice * sliceBytes + 4 * key, -zq * sum, true);
      for (const [c, value] of row.entries())
        packed[slice * sliceBytes + 4 * padded + (Math.floor(c / 4) * padded + key) * 4 + (c % 4)] = value;
    }
  }
  return packed;
}

const TILE = 16;

/** `sq_attention_u8_scratch_bytes`: one worker's scratch. n is a window's keys where there are windows. */
export function attentionU8ScratchBytes(p: {
  readonly n: number;
  readonly c: number;
  readonly cv: number;
  /** Rows and columns of the key grid, where the attention has relative positions. */
  readonly relative?: { readonly kh: number; readonly kw: number } | undefined;
}): number {
  const keys = roundUp(p.relative ? p.relative.kh * roundUp(p.relative.kw, 16) : p.n, 32);
  const row = roundUp(p.n, 64) + 64;
  const c = roundUp(p.c, 4);
  const cv = roundUp(p.cv, 32);
  const rel = p.relative ? roundUp(p.relative.kh, 16) + roundUp(p.relative.kw, 16) : 0;
  return roundUp(keys * (2 * c + 4) + row * 2 * cv + TILE * row * 6 + TILE * (2 * c + 4 * rel + 8 * cv) + 4096, 64);
}
