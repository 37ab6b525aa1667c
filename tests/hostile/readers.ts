import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import { parse } from '../../src/ir/text/parse.js';
import { print } from '../../src/ir/text/print.js';
import { verify } from '../../src/ir/verify.js';
import { encodeNpy, readNpy, readNpz } from '../../src/npy.js';
import { readPrompts } from '../../src/prompts.js';
import type { Target } from './fuzz.js';
import { damage } from './mutate-model.js';
import { type Outcome, outcomeOf, outcomeOfError } from './outcome.js';
import type { Random } from './random.js';

/** What reads files other than models. */

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const utf8 = new TextDecoder();

const asyncOutcome = async (run: () => Promise<unknown>): Promise<Outcome> => {
  try {
    await run();
    return { kind: 'accepted' };
  } catch (error) {
    return outcomeOfError(error);
  }
};

const WORDS = /[A-Za-z_][A-Za-z0-9_]*|-?\d+(?:\.\d+)?|"[^"]*"|\s+|./gs;
const NUMBERS = ['0', '-1', '1e400', '-0', '1.5', '9007199254740993', 'null', 'true', '4294967296', '1e9'];

/** Exchanges, repeats and removes words; one in four is damaged as bytes instead. */
function mutateText(input: Uint8Array, random: Random): Uint8Array {
  if (random.once(4)) return damage(input, random);
  const words = utf8.decode(input).match(WORDS) ?? [];
  for (let n = random.few(4); n > 0 && words.length > 0; n--) {
    const at = random.int(words.length);
    const EDITS: readonly (() => void)[] = [
      () => words.splice(at, random.few(3)),
      () => words.splice(at, 0, random.pick(words)),
      () => words.splice(at, 1, random.pick(words)),
      () => words.splice(at, 1, random.pick(NUMBERS)),
      () => words.splice(at, 0, ...words.slice(at, at + random.few(40))),
      () => words.splice(at, 1, random.pick('[]{}(),:"\\%='.split(''))),
    ];
    random.pick(EDITS)();
  }
  return text(words.join(''));
}

const fixture = (path: string): Uint8Array => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)));

/** Programs in text are of this project's tests: the IR says itself what is wrong with them. */
const TEXT_DIAGNOSTICS = new Set(['TextError', 'InvalidGraph', 'TypeMismatch']);

/** The text form: what can be read is printed, and reads back as the same. */
const textForm: Target = {
  name: 'text form',
  seeds: ['fuse-attention', 'fuse-layer-norm', 'simplify-movement', 'fuse-epilogue'].flatMap((name) =>
    utf8
      .decode(fixture(`passes/${name}.sqir`))
      .split(/^(?=graph )/m)
      .map(text),
  ),
  mutate: mutateText,
  run: (input) =>
    outcomeOf(() => {
      const graph = parse(utf8.decode(input));
      verify(graph);
      const printed = print(graph);
      if (print(parse(printed)) !== printed) throw new Error('the printed form reads back as another program');
    }, TEXT_DIAGNOSTICS),
};

const npy = encodeNpy({ dtype: 'f32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) });

const arrays = (folder: string): Target => ({
  name: 'npy',
  seeds: [npy, fixture('fixtures/npy/version-3.npy'), fixture('fixtures/npy/structured.npy')],
  mutate: (input, random) => (random.once(2) ? damage(input, random) : mutateText(input, random)),
  run: (input) => {
    writeFileSync(join(folder, 'x.npy'), input);
    return asyncOutcome(() => readNpy(join(folder, 'x.npy')));
  },
});

const archives = (folder: string): Target => ({
  name: 'npz',
  seeds: [
    fixture('fixtures/npy/numpy.npz'),
    fixture('fixtures/npy/numpy-compressed.npz'),
    zipSync({ 'x.npy': npy, '../y.npy': npy, '__proto__.npy': npy }),
  ],
  mutate: damage,
  run: (input) => {
    writeFileSync(join(folder, 'x.npz'), input);
    return asyncOutcome(() => readNpz(join(folder, 'x.npz')));
  },
});

const prompts = (folder: string): Target => ({
  name: 'prompts',
  seeds: [
    text('[{"image": "a.png", "mask": "a.png", "points": [[1, 2], [3.5, 4], [9, 9]], "labels": [1, 2, 3]}]'),
    text('[{"image": "a.png", "points": [[1, 2]], "labels": [0]}, {"__proto__": {"image": "a.png"}}]'),
  ],
  mutate: mutateText,
  run: (input) => {
    writeFileSync(join(folder, 'a.png'), '');
    writeFileSync(join(folder, 'prompts.json'), input);
    return asyncOutcome(() => readPrompts(join(folder, 'prompts.json')));
  },
});

export const READER_TARGETS = {
  'text form': () => textForm,
  npy: arrays,
  npz: archives,
  prompts,
} as const satisfies Readonly<Record<string, (folder: string) => Target>>;
