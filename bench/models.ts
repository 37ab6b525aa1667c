import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** Models, photographs and scenes beside the repository, where they are. */
export const SHARED = resolve(root, '../shared');

/** SAM's pair of models. */
export interface ModelFiles {
  readonly encoder: string;
  readonly decoder: string;
}

/** Models that benchmarks know by name. */
export const MODEL_NAMES = ['small', 'tiny-sam', 'tiny-sam-hard', 'vit-b'] as const;
export type ModelName = (typeof MODEL_NAMES)[number];

/**
 * Files of a model; weights of ViT-B are made in `work` the first time.
 *
 * @throws where the model is neither beside the repository nor among the examples
 */
export function findModel(name: ModelName, work: string): ModelFiles {
  const pair = (folder: string): ModelFiles => ({
    encoder: join(folder, 'encoder.onnx'),
    decoder: join(folder, 'decoder.onnx'),
  });
  if (name === 'vit-b') return pair(fullSizeFolder(name, work));
  const folders = [join(SHARED, 'models', name === 'small' ? 'tiny-sam' : name)];
  if (name !== 'tiny-sam-hard') folders.push(join(root, 'examples/tiny-sam'));
  const found = folders.find((folder) => existsSync(join(folder, 'encoder.onnx')));
  if (found === undefined) throw new Error(`model ${name} is not in ${folders.join(' or ')}`);
  return pair(found);
}

/** Models of full size; there is no decoder beside ViT-H's encoder. */
export const FULL_SIZE_NAMES = ['vit-b', 'vit-h'] as const;
export type FullSizeName = (typeof FULL_SIZE_NAMES)[number];

/** Where a model of full size lies with its weights, which are made in `work` the first time. */
export const fullSizeFolder = (name: FullSizeName, work: string): string =>
  materialized(join(SHARED, `models/sam-${name}`), join(work, 'models', name));

/** Copies the models of `source` to `folder` and writes their seeded weights there, where that has not been done. */
function materialized(source: string, folder: string): string {
  if (existsSync(join(folder, 'done'))) return folder;
  if (!existsSync(source)) throw new Error(`${source} is missing: the full-size model is not part of the repository`);
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(source)) {
    if (file.endsWith('.onnx')) copyFileSync(join(source, file), join(folder, file));
    if (file.endsWith('.weights.json'))
      execFileSync(process.execPath, [join(source, '../materialize.mjs'), join(source, file), folder]);
  }
  mkdirSync(join(folder, 'done'));
  return folder;
}

const PICTURE = /\.(png|jpe?g)$/i;

const picturesIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => PICTURE.test(name) && !name.includes('-mask'))
        .sort()
        .map((name) => join(folder, name))
    : [];

/** Up to `count` pictures: photographs first, then scenes that calibrate. */
export function findPictures(count: number): readonly string[] {
  const scenes = [join(SHARED, 'scenes/calibration'), join(root, 'examples/scenes/calibration')].map(picturesIn);
  const pictures = [...picturesIn(join(SHARED, 'images')), ...(scenes.find((found) => found.length > 0) ?? [])];
  if (pictures.length === 0) throw new Error('neither ../shared nor examples/scenes holds a picture');
  return pictures.slice(0, count);
}

/** A folder for calibration with links to `pictures`. */
export function linkPictures(pictures: readonly string[], folder: string): string {
  mkdirSync(folder, { recursive: true });
  pictures.forEach((picture, i) => {
    const link = join(folder, `${String(i).padStart(3, '0')}${picture.slice(picture.lastIndexOf('.'))}`);
    if (!existsSync(link)) symlinkSync(picture, link);
  });
  return folder;
}
