import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCli } from '../../src/run-cli.js';
import type { Target } from './fuzz.js';
import { HOSTILE_NAMES } from './hostile-names.js';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const utf8 = new TextDecoder();

const ARGUMENTS: readonly (readonly string[])[] = [
  ['compile', 'bad.onnx', '-o', 'out', '--bits', 'w8a8', '--dim', 'num_points=1..8', '--freeze', 'x=x.npy'],
  ['compile', 'bad.onnx', 'bad.onnx', '-o', 'out', '--target', 'c99', '--keys', 'sign', '--softmax', 'agq', '--json'],
  ['inspect', 'bad.onnx', '--dim', 'n=1..4', '--json'],
  ['verify', 'bad.onnx', '--data', 'empty'],
  ['run', 'empty', 'model', '--in', 'x=x.npy', '--out', 'results', '--threads', '2', '--repeat', '3'],
  ['segment', 'empty', 'a.png', '--point', '1,2,1', '--box', '1,2,3,4', '-o', 'mask.png'],
  ['eval', 'empty', '--images', 'empty', '--prompts', 'prompts.json', '--reference', 'bad.onnx', 'bad.onnx'],
];
const ODD: readonly string[] = [
  ...Object.values(HOSTILE_NAMES).filter((name) => !name.includes('\0')),
  ...[
    '',
    '-',
    '--',
    '-o',
    '--bits',
    '--help=1',
    '--dim',
    '=',
    'x=',
    '=1..2',
    'n=1..',
    'n=9..1',
    'n=1e400..2',
    'n=-1..99999999999999999999',
  ],
  ...[
    '1,2,3,4',
    'NaN,1',
    '1,Infinity',
    '1e309,2',
    '--verbose',
    '--json',
    '--version',
    'constructor=1..2',
    '__proto__=1..2',
  ],
];
/** Between arguments in an input of bytes. */
const SEPARATOR = '\u0001';

/** Arguments of commands that are given nothing usable, so that nothing is compiled or written. */
export const commandLine = (folder: string): Target => ({
  name: 'arguments',
  seeds: ARGUMENTS.map((args) => text(args.join(SEPARATOR))),
  mutate: (input, random) => {
    const args = utf8.decode(input).split(SEPARATOR);
    for (let n = random.few(4); n > 0; n--) {
      const at = random.int(args.length + 1);
      args.splice(
        at,
        random.int(2),
        ...(random.once(3) ? [] : [random.once(2) ? random.pick(ODD) : random.pick(ARGUMENTS.flat())]),
      );
    }
    return text(args.join(SEPARATOR));
  },
  run: async (input) => {
    mkdirSync(join(folder, 'empty'), { recursive: true });
    writeFileSync(join(folder, 'bad.onnx'), 'not a model');
    const before = process.cwd();
    process.chdir(folder);
    try {
      let err = '';
      const io = {
        out: () => {},
        err: (line: string) => {
          err += line;
        },
        terminal: false,
      };
      // A page that is served would wait for ever.
      const args = utf8
        .decode(input)
        .split(SEPARATOR)
        .map((arg) => (arg === 'serve' ? 'server' : arg));
      const status = await runCli(args, io);
      if (/internal error/.test(err)) return { kind: 'defect', place: /at .*/.exec(err)?.[0] ?? '', message: err };
      if (status === 0) return { kind: 'accepted' };
      return err === ''
        ? { kind: 'defect', place: 'silence', message: `status ${status} without a diagnostic` }
        : { kind: 'refused', message: err };
    } finally {
      process.chdir(before);
    }
  },
});
