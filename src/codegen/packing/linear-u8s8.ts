/** An integer linear or convolution's constants, as sq_linear_u8s8.h names them. */
export interface LinearU8S8 {
  /** s8 codes [n, k] within ±(2^(bits−1) − 1), a convolution's as [n, kernel_h · kernel_w · c]. */
  readonly weight: Int8Array;
  /** s32 [n], −zero_point·Σw folded in. */
  readonly bias: Int32Array;
  /** float32 [n]. */
  readonly multiplier: Float32Array;
  readonly n: number;
  readonly k: number;
  readonly bits: number;
}

const roundUp = (x: number, to: number): number => Math.ceil(x / to) * to;

/** A block of a kernel's weights: output channels, and how many values of one channel are together along k. */
export interface BlockShape {
  readonly nr: number;
  /** A multiple of four. */
  readonly kr: number;
}

/** Bytes of one block. */
export const linearU8S8BlockBytes = ({ nr, kr }: BlockShape, k: number, bits: number): number =>
  roundUp(nr * 8 + (roundUp(k, kr) * nr * bits) / 8, 64);

/** Bytes of all blocks. */
export const linearU8S8Bytes = (shape: BlockShape, n: number, k: number, bits: number): number =>
  Math.ceil(n / shape.nr) * linearU8S8BlockBytes(shape, k, bits);

/** Scratch of one worker: an unpacked block of the widest kernel; none for 8 bits. `sq_linear_u8s8_scratch_bytes`. */
export const linearU8S8ScratchBytes = (k: number, bits: number): number => (bits === 8 ? 0 : roundUp(k, 4) * 32);

const CONV_ROWS = 56;

/** `sq_conv_u8s8_scratch_bytes`: the patches of one tile of output pixels, and an unpacked block. */
export const convU8S8ScratchBytes = (k: number, bits: number): number =>
  CONV_ROWS * (Math.ceil(k / 64) | 1) * 64 + linearU8S8ScratchBytes(k, bits);

const PANEL = { mr: 12, bytes: 131072 } as const;
/** Rows of a unit, for which a kernel packs a panel. */
const UNIT_ROWS = { linear: 224, conv: CONV_ROWS } as const;

/** `sq_gemm_panel_u8s8_scratch`: what kernels with packing `linear_u8s8_panel` need besides. */
export function panelU8S8ScratchBytes(k: number, of: keyof typeof UNIT_ROWS): number {
  const depth = roundUp(k, 8);
  const fit = Math.max(1, Math.floor(Math.floor(PANEL.bytes / depth) / PANEL.mr));
  const rows = Math.min(Math.ceil(UNIT_ROWS[of] / PANEL.mr), fit) * PANEL.mr;
  return roundUp(rows * depth, 64);
}

/** `weight · 2^(bits·i)` fields of a group of four values along k, dense, lowest first. */
const WRITE_GROUP: Readonly<Record<4 | 6 | 8, (to: Uint8Array, at: number, v: readonly number[]) => void>> = {
  8: (to, at, v) => {
    for (const [e, value] of v.entries()) to[at + e] = value;
  },
  6: (to, at, v) => {
    const bits = v.reduce((all, value, e) => all | ((value + 32) << (6 * e)), 0);
    for (let e = 0; e < 3; e++) to[at + e] = bits >>> (8 * e);
  },
  4: (to, at, v) => {
    for (const e of [0, 2]) to[at + e / 2] = (v[e]! + 8) | ((v[e + 1]! + 8) << 4);
  },
};

/**
 * Weights in the layout of sq_linear_u8s8.h for a kernel's blocks: a block's biases, multipliers, then its values in groups
 * of kr along k.
 */
export function packLinearU8S8({ weight, bias, multiplier, n, k, bits }: LinearU8S8, shape: BlockShape): Uint8Array {
  const { nr, kr } = shape;
  if (bits !== 4 && bits !== 6 && bits !== 8) throw new Error(`weights of ${bits} bits cannot be packed: 4, 6 or 8`);
  const limit = 2 ** (bits - 1);
  for (const value of weight)
    if (value < -limit || value >= limit) throw new Error(`weight code ${value} does not fit ${bits} bits`);
  const blockBytes = linearU8S8BlockBytes(shape, k, bits);
  const packed = new Uint8Array(linearU8S8Bytes(shape, n, k, bits));
  const view = new DataView(packed.buffer);
  const write = WRITE_GROUP[bits];
  const groupBytes = bits / 2;
  for (let block = 0; block * nr < n; block++) {
    const start = block * blockBytes;
    for (let lane = 0; lane < nr; lane++) {
      const j = block * nr + lane;
      view.setInt32(start + 4 * lane, bias[j] ?? 0, true);
      view.setFloat32(start + 4 * (nr + lane), multiplier[j] ?? 0, true);
      if (bits === 8) {
        // Whole bytes: a run of kr values is copied as it is.
        for (let p = 0; p < k && j < n; p += kr)
          packed.set(weight.subarray(j * k + p, j * k + Math.min(p + kr, k)), start + 8 * nr + p * nr + lane * kr);
        continue;
      }
      for (let g = 0; 4 * g < k; g++) {
        const values = [0, 1, 2, 3].map((e) => (j < n && 4 * g + e < k ? weight[j * k + 4 * g + e]! : 0));
        const at = (Math.floor((4 * g) / kr) * nr + lane) * (kr / 4) + (g % (kr / 4));
        write(packed, start + 8 * nr + at * groupBytes, values);
      }
    }
  }
  return packed;
}
