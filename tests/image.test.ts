import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadImage, prepareImage, readPicture, resizedSize, toModelFrame } from '../src/image.js';
import { intersectionOverUnion, type Mask, maskOfLogits, readMask, writeMask } from '../src/mask.js';
import { readNpz } from '../src/npy.js';
import { writeOverlay } from '../src/overlay.js';
import { resampleBilinear } from '../src/resample.js';

const scenes = join(import.meta.dirname, '../examples/scenes/calibration');
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sam-qc-image-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A PNG of one colour. */
async function plainPicture(name: string, width: number, height: number, background: string): Promise<string> {
  const path = join(folder, name);
  await sharp({ create: { width, height, channels: 3, background } })
    .png()
    .toFile(path);
  return path;
}

describe('resampleBilinear', () => {
  test('gives the bytes that Pillow gives, growing and shrinking', async () => {
    const arrays = await readNpz(join(import.meta.dirname, 'fixtures/resample/pillow-bilinear.npz'));
    const source = arrays.get('source')!.data as Uint8Array;
    const targets = [...arrays].filter(([name]) => name !== 'source');
    expect(targets.length).toBe(8);
    for (const [name, { shape, data }] of targets) {
      const resampled = resampleBilinear(source, 3, { width: 40, height: 27 }, { width: shape[1]!, height: shape[0]! });
      expect(Buffer.compare(resampled, data as Uint8Array), name).toBe(0);
    }
  });

  test('the same size is a copy', () => {
    const pixels = Uint8Array.of(1, 2, 3, 4);
    const copy = resampleBilinear(pixels, 1, { width: 2, height: 2 }, { width: 2, height: 2 });
    expect(copy).toEqual(pixels);
    expect(copy.buffer).not.toBe(pixels.buffer);
  });
});

describe('reading pictures', () => {
  test('a scene of the model’s size is only normalised', async () => {
    const path = join(scenes, '000.png');
    const picture = await readPicture(path);
    const { tensor, original, resized } = await loadImage(path, 256);
    expect([original, resized]).toEqual([
      { width: 256, height: 256 },
      { width: 256, height: 256 },
    ]);
    for (const [x, y, channel] of [
      [0, 0, 0],
      [17, 200, 1],
      [255, 255, 2],
    ] as const) {
      const pixel = picture.rgb[(y * 256 + x) * 3 + channel]!;
      const expected = (pixel - [123.675, 116.28, 103.53][channel]!) / [58.395, 57.12, 57.375][channel]!;
      expect(tensor[(channel * 256 + y) * 256 + x]).toBe(Math.fround(expected));
    }
  });

  test('a wide picture fills the upper part, zeros the rest', async () => {
    const path = await plainPicture('wide.png', 60, 30, '#ff8000');
    const { tensor, original, resized, side } = await loadImage(path, 16);
    expect({ original, resized, side }).toEqual({
      original: { width: 60, height: 30 },
      resized: { width: 16, height: 8 },
      side: 16,
    });
    [255, 128, 0].forEach((value, channel) => {
      const plane = tensor.subarray(channel * 256, channel * 256 + 256);
      const normal = Math.fround((value - [123.675, 116.28, 103.53][channel]!) / [58.395, 57.12, 57.375][channel]!);
      expect(plane.subarray(0, 128).every((pixel) => pixel === normal)).toBe(true);
      expect(plane.subarray(128).every((pixel) => pixel === 0)).toBe(true);
    });
  });

  test.each<[string, (image: Sharp) => Sharp]>([
    ['grey.png', (image) => image.toColourspace('b-w').png()],
    ['alpha.png', (image) => image.ensureAlpha(0.5).png()],
    ['16-bit.png', (image) => image.toColourspace('rgb16').png()],
    ['palette.png', (image) => image.png({ palette: true })],
    ['a.webp', (image) => image.webp({ lossless: true })],
    ['a.tiff', (image) => image.tiff()],
  ])('%s becomes 8-bit RGB', async (name, encode) => {
    const path = join(folder, name);
    await encode(sharp({ create: { width: 3, height: 2, channels: 3, background: '#787878' } })).toFile(path);
    const { rgb, width, height } = await readPicture(path);
    expect([width, height, ...rgb]).toEqual([3, 2, ...new Array<number>(18).fill(0x78)]);
  });

  test('EXIF orientation is applied, to the size too', async () => {
    const path = join(folder, 'turned.png');
    const pixels = Uint8Array.of(255, 0, 0, 0, 0, 255);
    await sharp(pixels, { raw: { width: 2, height: 1, channels: 3 } })
      .withMetadata({ orientation: 6 })
      .png()
      .toFile(path);
    expect(await readPicture(path)).toEqual({ path, width: 1, height: 2, rgb: Buffer.from(pixels) });
  });

  test('unreadable files are named', async () => {
    const broken = join(folder, 'broken.png');
    await writeFile(broken, 'not a picture');
    await expect(readPicture(broken)).rejects.toThrow(/broken\.png: cannot be read as a picture: /);
    await expect(readPicture(join(folder, 'absent.png'))).rejects.toThrow(/absent\.png: cannot be read as a picture: /);
    const cut = join(folder, 'cut.png');
    await writeFile(cut, (await sharp(join(scenes, '000.png')).png().toBuffer()).subarray(0, 20000));
    await expect(readPicture(cut)).rejects.toThrow(/cut\.png: cannot be read as a picture: /);
    const thin = await readPicture(await plainPicture('thin.png', 3000, 1, '#000'));
    expect(() => prepareImage(thin, 256)).toThrow(/thin\.png: 3000 × 1 pixels is too narrow/);
  });
});

/** Figures of SAM's ResizeLongestSide(1024). */
test('sizes and coordinates in the model’s frame', () => {
  expect(resizedSize({ width: 1800, height: 1200 }, 1024)).toEqual({ width: 1024, height: 683 });
  expect(resizedSize({ width: 534, height: 800 }, 256)).toEqual({ width: 171, height: 256 });
  const [point] = toModelFrame([[500, 375]], { width: 1800, height: 1200 }, 1024);
  expect(point![0]).toBeCloseTo(284.4444, 4);
  expect(point![1]).toBeCloseTo(213.4375, 4);
});

describe('masks', () => {
  const mask: Mask = { width: 3, height: 2, inside: Uint8Array.of(1, 0, 0, 1, 1, 0) };

  test('through a PNG of grey 0 and 255', async () => {
    const path = join(folder, 'mask.png');
    await writeMask(path, mask);
    expect(await sharp(path).metadata()).toMatchObject({ format: 'png', channels: 1, space: 'b-w' });
    expect([...(await sharp(path).toColourspace('b-w').raw().toBuffer())]).toEqual([255, 0, 0, 255, 255, 0]);
    expect(await readMask(path)).toEqual(mask);
  });

  test('of the scenes, which have one bit', async () => {
    const { width, height, inside } = await readMask(join(scenes, '000-mask1.png'));
    expect([width, height]).toEqual([256, 256]);
    // The first prompt of this mask is a click inside, at (230, 104).
    expect(inside[104 * 256 + 230]).toBe(1);
    expect(new Set(inside)).toEqual(new Set([0, 1]));
  });

  test('of logits: above the threshold, and NaN outside', () => {
    const logits = Float32Array.of(0.1, 0, NaN, 5, Infinity, -1);
    expect(maskOfLogits(logits, { width: 3, height: 2 })).toEqual(mask);
    expect(() => maskOfLogits(logits, { width: 2, height: 2 })).toThrow('6 logits given for 2 × 2 pixels');
  });

  test('intersection over union', () => {
    const other = { ...mask, inside: Uint8Array.of(1, 1, 0, 1, 0, 0) };
    expect(intersectionOverUnion(mask, other)).toBe(2 / 4);
    expect(intersectionOverUnion(mask, mask)).toBe(1);
    const empty = { ...mask, inside: new Uint8Array(6) };
    expect(intersectionOverUnion(empty, empty)).toBe(1);
    expect(intersectionOverUnion(empty, mask)).toBe(0);
    expect(() => intersectionOverUnion(mask, { ...mask, width: 2, height: 3 })).toThrow('3 × 2 and 2 × 3 pixels');
  });
});

test('an overlay tints the inside, outlines it, marks the prompt and leaves the rest', async () => {
  const picture = await readPicture(await plainPicture('grey.png', 128, 96, '#404040'));
  const inside = new Uint8Array(128 * 96);
  for (let y = 24; y < 72; y++) inside.fill(1, y * 128 + 32, y * 128 + 96);
  const path = join(folder, 'overlay.png');
  const mask = { width: 128, height: 96, inside };
  await writeOverlay(path, picture, mask, {
    points: [
      [64, 48],
      [8, 8],
      [30, 22],
      [98, 74],
    ],
    labels: [1, 0, 2, 3],
  });
  const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([768, 576]);
  const pixel = (x: number, y: number) => {
    const i = (Math.round(y * 6) * 768 + Math.round(x * 6)) * info.channels;
    return [...data.subarray(i, i + 3)];
  };
  // Alpha blending of the markers rounds.
  const near = (colour: number[], expected: number[]) => {
    expect(Math.max(...colour.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThanOrEqual(2);
  };
  expect(pixel(120, 90)).toEqual([64, 64, 64]);
  expect(pixel(45, 60)).toEqual([49, 100, 150]);
  expect(pixel(32, 40).every((value) => value > 200)).toBe(true);
  near(pixel(64 - 0.8, 48 - 0.8), [0x22, 0xc5, 0x5e]);
  near(pixel(8, 8 - 0.8), [0xef, 0x44, 0x44]);
  const small = { width: 2, height: 2, inside: new Uint8Array(4) };
  await expect(writeOverlay(path, picture, small, { points: [], labels: [] })).rejects.toThrow(
    /grey\.png: 128 × 96 pixels, but its mask has 2 × 2/,
  );
});
