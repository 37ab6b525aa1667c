import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeNpy, encodeNpy, type NpyArray, readNpy, readNpz, writeNpy, writeNpz } from '../src/npy.js';

const fixtures = join(import.meta.dirname, 'fixtures/npy');
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sam-qc-npy-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('files that NumPy wrote', () => {
  test.each(['numpy.npz', 'numpy-compressed.npz'])('%s', async (file) => {
    const arrays = await readNpz(join(fixtures, file));
    expect(Object.fromEntries(arrays)).toEqual({
      f32: { dtype: 'f32', shape: [2, 3], data: Float32Array.of(1.5, -2, Infinity, 0, 3e-40, NaN) },
      f64: { dtype: 'f64', shape: [], data: Float64Array.of(3.25) },
      f16: { dtype: 'f16', shape: [2], data: Uint16Array.of(0x3c00, 0xb800) },
      i64: { dtype: 'i64', shape: [2, 1, 1], data: BigInt64Array.of(2n ** 62n, -1n) },
      bool: { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) },
      u8: { dtype: 'u8', shape: [256], data: Uint8Array.from({ length: 256 }, (_, i) => i) },
      i32: { dtype: 'i32', shape: [0, 4], data: new Int32Array(0) },
      u16: { dtype: 'u16', shape: [1], data: Uint16Array.of(65535) },
    });
  });

  test('version 3', async () => {
    expect(await readNpy(join(fixtures, 'version-3.npy'))).toEqual({
      dtype: 'i16',
      shape: [3],
      data: Int16Array.of(0, 1, 2),
    });
  });

  test.each([
    ['fortran.npy', /fortran\.npy: in Fortran order/],
    ['big-endian.npy', /big-endian\.npy: big-endian \(>f4\)/],
    ['structured.npy', /structured\.npy: structured arrays/],
    ['complex.npy', /complex\.npy: element type <c8 is not supported/],
    ['absent.npy', /absent\.npy: cannot be read: ENOENT/],
  ])('%s is refused', async (file, message) => {
    await expect(readNpy(join(fixtures, file))).rejects.toThrow(message);
  });
});

test('one-dimensional Fortran order is C order', () => {
  const bytes = encodeNpy({ dtype: 'f32', shape: [2], data: Float32Array.of(1, 2) });
  const text = Buffer.from(bytes).toString('latin1').replace("'fortran_order': False", "'fortran_order': True ");
  expect(decodeNpy(Buffer.from(text, 'latin1'), 'x').data).toEqual(Float32Array.of(1, 2));
});

const ARRAYS = ['f16', 'f32', 'f64', 'i8', 'i16', 'i32', 'i64', 'u8', 'u16', 'u32', 'u64'] as const;
const CONSTRUCTORS = {
  f16: Uint16Array,
  f32: Float32Array,
  f64: Float64Array,
  i8: Int8Array,
  i16: Int16Array,
  i32: Int32Array,
  i64: BigInt64Array,
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  u64: BigUint64Array,
};
const anyArray = fc
  .record({
    dtype: fc.constantFrom(...ARRAYS),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
    seed: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  })
  .map(({ dtype, shape, seed }) => {
    const data = new CONSTRUCTORS[dtype](shape.reduce((a, b) => a * b, 1));
    const bytes = new Uint8Array(data.buffer);
    for (let i = 0; i < bytes.length; i++) bytes[i] = seed[i % 8]! + i;
    return { dtype, shape, data } as NpyArray;
  });

describe('round trip', () => {
  test('any array', () => {
    fc.assert(
      fc.property(anyArray, (array) => {
        const bytes = encodeNpy(array);
        expect(bytes.length % 64).toBe(array.data.byteLength % 64);
        // At an odd offset, as in an archive.
        const shifted = new Uint8Array(bytes.length + 3);
        shifted.set(bytes, 3);
        const read = decodeNpy(shifted.subarray(3), 'x');
        expect(read.shape).toEqual(array.shape);
        expect(read.dtype).toBe(array.dtype);
        expect(new Uint8Array(read.data.buffer)).toEqual(new Uint8Array(array.data.buffer));
      }),
    );
  });

  test('a subarray writes its own part', () => {
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    expect(decodeNpy(encodeNpy({ dtype: 'f32', shape: [2], data }), 'x').data).toEqual(Float32Array.of(2, 3));
  });

  test('files and archives, byte for byte the same each time', async () => {
    const image: NpyArray = { dtype: 'f32', shape: [1, 2], data: Float32Array.of(0.5, -1) };
    const flag: NpyArray = { dtype: 'bool', shape: [], data: Uint8Array.of(1) };
    await writeNpy(join(folder, 'image.npy'), image);
    expect(await readNpy(join(folder, 'image.npy'))).toEqual(image);
    const arrays = new Map<string, NpyArray>([
      ['image', image],
      ['flag', flag],
    ]);
    await writeNpz(join(folder, 'a.npz'), arrays);
    await writeNpz(join(folder, 'b.npz'), arrays);
    expect(await readNpz(join(folder, 'a.npz'))).toEqual(arrays);
    expect(await readFile(join(folder, 'a.npz'))).toEqual(await readFile(join(folder, 'b.npz')));
  });
});

describe('damaged files', () => {
  const bytes = encodeNpy({ dtype: 'f32', shape: [2, 3], data: new Float32Array(6) });

  test('not an .npy file', () => {
    expect(() => decodeNpy(new TextEncoder().encode('hello, world'), 'x.npy')).toThrow('x.npy: not an .npy file');
  });
  test('unknown version', () => {
    expect(() => decodeNpy(bytes.with(6, 9), 'x.npy')).toThrow('x.npy: .npy version 9');
  });
  test('cut short anywhere', () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeNpy(bytes.subarray(0, length), 'x.npy')).toThrow(/^x\.npy: /);
    }
    expect(() => decodeNpy(bytes.subarray(0, -1), 'x.npy')).toThrow(
      'x.npy: f32 of shape [2, 3] takes 24 bytes, the file has 23',
    );
  });
  test('bytes left over', () => {
    expect(() => decodeNpy(new Uint8Array([...bytes, 0]), 'x.npy')).toThrow('takes 24 bytes, the file has 25');
  });
  test('header without a shape', () => {
    const text = Buffer.from(bytes).toString('latin1').replace("'shape'", "'shame'");
    expect(() => decodeNpy(Buffer.from(text, 'latin1'), 'x.npy')).toThrow(/lacks descr, fortran_order or shape/);
  });
  test('not an archive', async () => {
    await writeFile(join(folder, 'bad.npz'), 'hello');
    await expect(readNpz(join(folder, 'bad.npz'))).rejects.toThrow(/bad\.npz: not an \.npz archive/);
  });
  test('elements that do not match the shape are not written', () => {
    expect(() => encodeNpy({ dtype: 'u8', shape: [3], data: new Uint8Array(2) })).toThrow(
      '2 elements given for shape [3]',
    );
  });
});
