import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  defaultPrompts,
  readCalibrationFolder,
  readPrompts,
  readPromptsWithMasks,
  toDecoderPrompt,
} from '../src/prompts.js';

const scenes = join(import.meta.dirname, '../examples/scenes');
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sam-qc-prompts-'));
  await Promise.all(['a.png', 'b.png', 'a-mask0.png'].map((name) => writeFile(join(folder, name), '')));
});
afterAll(() => rm(folder, { recursive: true }));

async function promptsFile(content: string | object): Promise<string> {
  const file = join(folder, 'prompts.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

describe('readPrompts', () => {
  test('the scenes that ship with the project', async () => {
    const calibration = await readPromptsWithMasks(join(scenes, 'calibration/prompts.json'));
    expect(calibration.length).toBe(33);
    expect(calibration[0]).toEqual({
      image: join(scenes, 'calibration/000.png'),
      mask: join(scenes, 'calibration/000-mask1.png'),
      points: [[230, 104]],
      labels: [1],
    });
    expect((await readPromptsWithMasks(join(scenes, 'evaluation/prompts.json'))).length).toBe(10);
  });

  test('a mask is needed only to measure', async () => {
    const file = await promptsFile([{ image: 'a.png', points: [[1, 2]], labels: [1] }]);
    expect(await readPrompts(file)).toEqual([{ image: join(folder, 'a.png'), points: [[1, 2]], labels: [1] }]);
    await expect(readPromptsWithMasks(file)).rejects.toThrow(`${file}: entry 0: "mask" is missing`);
  });

  test('pictures in another folder', async () => {
    const other = join(folder, 'other');
    await mkdir(other);
    await writeFile(join(other, 'c.png'), '');
    const file = await promptsFile([{ image: 'c.png', mask: 'a-mask0.png', points: [[1, 2]], labels: [1] }]);
    const [prompt] = await readPrompts(file, other);
    expect(prompt).toMatchObject({ image: join(other, 'c.png'), mask: join(folder, 'a-mask0.png') });
  });

  const good = { image: 'a.png', points: [[1, 2]], labels: [1] };
  test.each<[unknown, string]>([
    [{ ...good, image: 'x.png' }, 'picture "x.png" is not in '],
    [{ ...good, mask: 'x-mask.png' }, 'mask "x-mask.png" is not in '],
    [{ ...good, image: 7 }, '"image" has to be the name of a picture'],
    [{ ...good, mask: '' }, '"mask" has to be the name of a picture'],
    [{ ...good, labels: [1, 0] }, '1 points but 2 labels'],
    [{ ...good, points: undefined }, '"points" has to be a list of at least one [x, y]'],
    [{ ...good, points: [], labels: [] }, '"points" has to be a list of at least one [x, y]'],
    [{ ...good, points: [[1, 2, 3]] }, 'point 0: [x, y] is expected, not [1,2,3]'],
    [{ ...good, points: [[1, 'two']] }, 'point 0: [x, y] is expected, not [1,"two"]'],
    [{ ...good, points: [1, 2], labels: [1, 1] }, 'point 0: [x, y] is expected, not 1'],
    [{ ...good, labels: undefined }, '"labels" has to be a list of one label a point'],
    [{ ...good, labels: [-1] }, 'label 0: -1 is none of 0 (outside)'],
    [{ ...good, labels: [2] }, 'label 0: 2, a first corner, is not followed by 3'],
    [{ ...good, labels: [3] }, 'label 0: 3, a second corner, does not follow 2'],
    [
      {
        ...good,
        points: [
          [5, 5],
          [1, 9],
        ],
        labels: [2, 3],
      },
      'box 5,5,1,9: the first corner has to be the upper left one',
    ],
    [
      {
        ...good,
        points: [
          [1, 1],
          [2, 2],
          [3, 3],
          [4, 4],
        ],
        labels: [2, 3, 2, 3],
      },
      'more than one box',
    ],
    ['a.png', 'an object is expected'],
    [null, 'an object is expected'],
  ])('entry %j is refused', async (entry, message) => {
    const file = await promptsFile([good, entry]);
    await expect(readPrompts(file)).rejects.toThrow(`${file}: entry 1: ${message}`);
  });

  test('files that are no list of prompts are refused', async () => {
    await expect(readPrompts(await promptsFile('[{'))).rejects.toThrow(/prompts\.json: not JSON: /);
    await expect(readPrompts(await promptsFile({}))).rejects.toThrow(/prompts\.json: a list of prompts is expected/);
    await expect(readPrompts(await promptsFile([]))).rejects.toThrow(/prompts\.json: the list of prompts is empty/);
    await expect(readPrompts(join(folder, 'no.json'))).rejects.toThrow(/no\.json: cannot be read: ENOENT/);
  });
});

describe('toDecoderPrompt', () => {
  const original = { width: 512, height: 256 };

  test('points get one more, (0, 0) with label −1', () => {
    expect(
      toDecoderPrompt(
        {
          points: [
            [256, 128],
            [2, 4],
          ],
          labels: [1, 0],
        },
        original,
        256,
      ),
    ).toEqual({
      point_coords: Float32Array.of(128, 64, 1, 2, 0, 0),
      point_labels: Float32Array.of(1, 0, -1),
      count: 3,
      orig_im_size: Float32Array.of(256, 512),
    });
  });

  test('a box gets none', () => {
    expect(
      toDecoderPrompt(
        {
          points: [
            [2, 2],
            [4, 6],
            [3, 3],
          ],
          labels: [2, 3, 1],
        },
        original,
        1024,
      ),
    ).toEqual({
      point_coords: Float32Array.of(4, 4, 8, 12, 6, 6),
      point_labels: Float32Array.of(2, 3, 1),
      count: 3,
      orig_im_size: Float32Array.of(256, 512),
    });
  });
});

test('default prompts are valid, inside the picture, with points and boxes', async () => {
  const prompts = defaultPrompts('a.png', { width: 100, height: 40 });
  const file = await promptsFile(prompts);
  expect(await readPrompts(file)).toEqual(prompts.map((prompt) => ({ ...prompt, image: join(folder, 'a.png') })));
  for (const [x, y] of prompts.flatMap(({ points }) => points)) {
    expect(x > 0 && x < 100 && y > 0 && y < 40).toBe(true);
  }
  expect(new Set(prompts.flatMap(({ labels }) => labels))).toEqual(new Set([0, 1, 2, 3]));
});

describe('readCalibrationFolder', () => {
  test('pictures without their masks, with prompts', async () => {
    const found = await readCalibrationFolder(join(scenes, 'calibration'));
    if (found.kind !== 'pictures') throw new Error(found.kind);
    const expected = Array.from({ length: 12 }, (_, i) =>
      join(scenes, 'calibration', `${String(i).padStart(3, '0')}.png`),
    );
    expect(found.pictures).toEqual(expected);
    expect(found.prompts?.length).toBe(33);
  });

  const holding = async (names: Record<string, string>): Promise<string> => {
    const path = await mkdtemp(join(folder, 'calibration-'));
    await Promise.all(Object.entries(names).map(([name, content]) => writeFile(join(path, name), content)));
    return path;
  };

  test('pictures without a prompts.json', async () => {
    const path = await holding({ 'b.JPG': '', 'a.png': '', 'a-mask.png': '', 'c-mask1.png': '', 'notes.txt': '' });
    expect(await readCalibrationFolder(path)).toEqual({
      kind: 'pictures',
      pictures: ['a.png', 'b.JPG', 'c-mask1.png'].map((name) => join(path, name)),
      prompts: undefined,
    });
  });

  test('masks that only prompts.json tells from pictures', async () => {
    const prompts = JSON.stringify([{ image: 'a.png', mask: 'truth.png', points: [[1, 1]], labels: [1] }]);
    const path = await holding({ 'a.png': '', 'truth.png': '', 'prompts.json': prompts });
    expect(await readCalibrationFolder(path)).toMatchObject({ pictures: [join(path, 'a.png')] });
  });

  test('arrays', async () => {
    const path = await holding({ '1.npz': '', '0.npz': '' });
    expect(await readCalibrationFolder(path)).toEqual({
      kind: 'arrays',
      files: [join(path, '0.npz'), join(path, '1.npz')],
    });
  });

  test('empty, absent and mixed folders are refused', async () => {
    const empty = await holding({ 'notes.txt': '' });
    await expect(readCalibrationFolder(empty)).rejects.toThrow(`${empty}: no pictures (png, jpg, …) and no .npz files`);
    await expect(readCalibrationFolder(join(folder, 'no'))).rejects.toThrow(
      /no: calibration folder cannot be read: ENOENT/,
    );
    await expect(readCalibrationFolder(await holding({ 'a.png': '', 'b.npz': '' }))).rejects.toThrow(
      /calibrate on one kind/,
    );
    const missing = JSON.stringify([{ image: 'x.png', points: [[1, 1]], labels: [1] }]);
    const path = await holding({ 'a.png': '', 'prompts.json': missing });
    await expect(readCalibrationFolder(path)).rejects.toThrow(
      `${join(path, 'prompts.json')}: entry 0: picture "x.png" is not in`,
    );
  });
});
