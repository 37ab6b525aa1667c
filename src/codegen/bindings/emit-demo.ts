import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transpile } from './transpile.js';

const SOURCE = fileURLToPath(new URL('../js-runtime/demo/', import.meta.url));
const SCRIPTS = ['client', 'drawing', 'page', 'protocol', 'worker'] as const;
const PAGES = ['index.html', 'page.css'] as const;

/**
 * Writes the page: plain files for any static host, which must serve the folder above it too.
 *
 * @param examples paths of pictures to offer
 */
export async function emitDemo(folder: string, examples: readonly string[]): Promise<void> {
  await mkdir(join(folder, 'examples'), { recursive: true });
  for (const page of PAGES) await copyFile(join(SOURCE, page), join(folder, page));
  for (const script of SCRIPTS) {
    const source = await readFile(join(SOURCE, `${script}.ts`), 'utf8');
    const javascript = transpile(`${script}.ts`, source).get(`${script}.js`) ?? '';
    await writeFile(join(folder, `${script}.js`), javascript);
  }
  for (const example of examples) await copyFile(example, join(folder, 'examples', basename(example)));
  const names = examples.map((path) => basename(path));
  await writeFile(join(folder, 'examples', 'examples.json'), `${JSON.stringify(names)}\n`);
}
