import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const filesUnder = (folder: string, pattern: RegExp): readonly string[] =>
  (readdirSync(join(root, folder), { recursive: true }) as string[])
    .map((path) => posix.join(folder, path.replaceAll('\\', '/')))
    .filter((path) => pattern.test(path))
    .sort();
const text = (path: string): string => readFileSync(join(root, path), 'utf8');
const sources = filesUnder('src', /\.ts$/);

/** Files of src/ itself that everything may use: pictures, arrays, errors, the machine. They use each other and `ir`. */
const SUPPORT = [
  'decoder-prompt',
  'diagnostic',
  'disk-error',
  'host-tools',
  'image',
  'mask',
  'npy',
  'npy-tensor',
  'overlay',
  'prepare-image',
  'printable',
  'prompts',
  'resample',
  'sam',
  'sam-interface',
  'shipped',
  'temporary-folder',
  'user-error',
];
const LAYERS = ['ir', 'support', 'passes', 'codegen', 'calibrate', 'compile', 'commands', 'cli'] as const;
type Layer = (typeof LAYERS)[number];
const MAY_USE: Readonly<Record<Layer, readonly Layer[]>> = {
  ir: ['ir'],
  support: ['support', 'ir'],
  passes: ['passes', 'ir'],
  codegen: ['codegen', 'passes', 'ir', 'support'],
  calibrate: ['calibrate', 'codegen', 'passes', 'ir', 'support'],
  compile: ['compile', 'calibrate', 'codegen', 'passes', 'ir', 'support'],
  commands: ['commands', 'compile', 'calibrate', 'codegen', 'passes', 'ir', 'support'],
  cli: ['cli', 'commands', 'compile', 'support'],
};

function layerOf(path: string): Layer {
  const [, first = '', second] = path.split('/');
  if (second === undefined) {
    const name = first.replace(/\.ts$/, '');
    return name === 'cli' || name === 'run-cli' ? 'cli' : SUPPORT.includes(name) ? 'support' : 'compile';
  }
  // The reports are the compiler's, in a folder for their size.
  if (first === 'report') return 'compile';
  const layer = LAYERS.find((candidate) => candidate === first);
  if (layer === undefined) throw new Error(`${path}: its folder has no layer`);
  return layer;
}

const importsOf = (path: string): readonly string[] =>
  [...text(path).matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, target = '']) =>
    posix.join(dirname(path), target.replace(/\.js$/, '.ts')),
  );

describe('architecture', () => {
  it('reads the imports', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(importsOf('src/cli.ts')).toContain('src/run-cli.ts');
  });

  it('imports go one way: cli → compile → {calibrate, codegen} → passes → ir', () => {
    const wrong = sources.flatMap((path) =>
      importsOf(path)
        .filter((target) => !MAY_USE[layerOf(path)].includes(layerOf(target)))
        .map((target) => `${path} (${layerOf(path)}) imports ${target} (${layerOf(target)})`),
    );
    expect(wrong).toEqual([]);
  });

  it('the IR does not know the importer', () => {
    const importers = sources
      .filter((path) => path.startsWith('src/ir/') && !path.startsWith('src/ir/onnx/'))
      .flatMap((path) => importsOf(path).filter((target) => target.startsWith('src/ir/onnx/')));
    expect(importers).toEqual([]);
  });

  it('types nothing as any', () => {
    const wrong = filesUnder('src', /\.ts$/).flatMap((path) =>
      text(path)
        .split('\n')
        .flatMap((line, i) =>
          /(:\s*any\b|\bas any\b|<any>|@ts-ignore|@ts-expect-error)/.test(line.replace(/\/\/.*|^\s*\*.*/, ''))
            ? [`${path}:${i + 1}: ${line.trim()}`]
            : [],
        ),
    );
    expect(wrong).toEqual([]);
  });

  it('no file is above 400 lines', () => {
    const long = ['src', 'tests', 'bench']
      .flatMap((folder) => filesUnder(folder, /\.(ts|c|h|mjs|inc)$/))
      .map((path) => ({ path, lines: text(path).split('\n').length - 1 }))
      .filter(({ lines }) => lines > 400)
      .map(({ path, lines }) => `${path}: ${lines} lines`);
    expect(long).toEqual([]);
  });

  it('names no folder of one machine', () => {
    const paths = ['src', 'tests', 'bench', 'examples', 'docs', 'scripts'].flatMap((folder) =>
      filesUnder(folder, /\.(ts|c|h|mjs|md|json)$/),
    );
    const pattern = new RegExp(`(^|[^\\w.])/(${['work', 'farm', 'root', 'home'].join('|')})/\\w`);
    expect(
      [...paths, 'README.md'].filter((path) => pattern.test(text(path))).map((path) => relative('.', path)),
    ).toEqual([]);
  });
});
