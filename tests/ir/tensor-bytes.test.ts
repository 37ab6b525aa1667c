import { describe, expect, it } from 'vitest';
import { bf16Bits, bf16FromBits, f16Bits, f16FromBits, roundToBf16, roundToF16 } from '../../src/ir/half.js';
import { tensorFromBytes, tensorToBytes } from '../../src/ir/tensor-bytes.js';
import { DTYPE_BYTES, DTYPES, type Tensor } from '../../src/ir/types.js';
import { tensor } from './ops/run-op.js';

describe('half types', () => {
  it('has every pattern of 16 bits as itself', () => {
    for (let bits = 0; bits < 1 << 16; bits++) {
      const [half, brain] = [f16FromBits(bits), bf16FromBits(bits)];
      if (!Number.isNaN(half) && f16Bits(half) !== bits) throw new Error(`f16 ${bits.toString(16)}`);
      if (!Number.isNaN(brain) && bf16Bits(brain) !== bits) throw new Error(`bf16 ${bits.toString(16)}`);
    }
    expect([f16Bits(Number.NaN), bf16Bits(Number.NaN)]).toEqual([0x7e00, 0x7fc0]);
  });

  it('rounds to nearest even', () => {
    expect([1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -30].map(roundToF16)).toEqual([
      1,
      1 + 2 ** -9,
      1 + 2 ** -10,
    ]);
    expect([1 + 2 ** -8, 1 + 3 * 2 ** -8, -1 - 2 ** -7].map(roundToBf16)).toEqual([1, 1 + 2 ** -6, -1 - 2 ** -7]);
  });

  it('overflows, underflows and keeps the sign of zero', () => {
    expect([65519.99, 65520, -1e9].map(roundToF16)).toEqual([
      65504,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ]);
    expect([2 ** -24, 2 ** -25, 2 ** -25 * 1.5, -(2 ** -26)].map(roundToF16)).toEqual([2 ** -24, 0, 2 ** -24, -0]);
    expect(roundToBf16(3.4e38)).toBe(Number.POSITIVE_INFINITY);
    expect(f16Bits(-0)).toBe(0x8000);
  });
});

describe('tensors as bytes', () => {
  it.each(DTYPES)('keeps %s', (dtype) => {
    const x = tensor(dtype, [2, 1], dtype === 'bool' ? [1, 0] : [3, 100]);
    const bytes = tensorToBytes(x);
    expect(bytes.length).toBe(2 * DTYPE_BYTES[dtype]);
    expect(tensorFromBytes(dtype, [2, 1], bytes)).toEqual(x);
  });

  it('is little-endian and takes any alignment', () => {
    expect(tensorToBytes(tensor('i32', [1], [0x01020304]))).toEqual(Uint8Array.of(4, 3, 2, 1));
    expect(tensorToBytes(tensor('f16', [1], [1]))).toEqual(Uint8Array.of(0, 0x3c));
    const shifted = Uint8Array.of(9, 0, 0, 0x80, 0x3f).subarray(1);
    expect(tensorFromBytes('f32', [], shifted)).toEqual(tensor('f32', [], [1]));
  });

  it('copies, also part of a larger array', () => {
    const data = Float32Array.of(1, 2, 3).subarray(1);
    const x: Tensor = { dtype: 'f32', shape: [2], data };
    const bytes = tensorToBytes(x);
    bytes.fill(0);
    expect(Array.from(data)).toEqual([2, 3]);
    expect(() => tensorFromBytes('f32', [3], bytes)).toThrow('f32[3] takes 12 bytes, found 8');
  });
});
