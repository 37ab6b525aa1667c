import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import onnxProto from 'onnx-proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emitIndex } from '../../src/codegen/bindings/emit-index.js';
import { describeInterface } from '../../src/codegen/model-interface.js';
import { compile } from '../../src/compile.js';
import { importModel } from '../../src/ir/onnx/import-model.js';
import { readModel } from '../../src/ir/onnx/read-model.js';
import type { Bounds } from '../../src/ir/scalar.js';
import { cli } from '../cli/run.js';
import { encodeModel, f32, type ModelSpec } from '../ir/onnx/build-model.js';
import { HOSTILE_NAMES } from './hostile-names.js';

/**
 * Names in every place of a model where one can stand, against the same model with plain names: the generated files must
 * be the same but for identifiers, and what is inside of comments and literals. So nothing of a name has got out of them.
 */

const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-names-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Two of everything, so that names must be told apart. */
function modelOf(name: string, other: string): Uint8Array {
  const vector = { dtype: 'f32', shape: [other, 4] } as const;
  const spec: ModelSpec = {
    inputs: { [name]: vector, [`${name} `]: vector },
    outputs: { [`${name}/out`]: null, [`${name}\\out`]: null },
    initializers: { [`${name}.weight`]: f32([4], [1, 2, 3, 4]), [`${name}.matrix`]: f32([4, 4], Array(16).fill(0.5)) },
    nodes: [
      { op: 'Add', in: [name, `${name}.weight`], out: [`${name}/sum`], name },
      { op: 'MatMul', in: [`${name}/sum`, `${name}.matrix`], out: [`${name}/out`], name: `${name}/MatMul` },
      { op: 'Mul', in: [`${name} `, `${name}.weight`], out: [`${name}\\out`], name: `${name}*` },
    ],
  };
  const model = onnxProto.onnx.ModelProto.decode(encodeModel(spec));
  Object.assign(model, { producerName: name, docString: name, domain: name });
  Object.assign(model.graph ?? {}, { name, docString: name });
  return onnxProto.onnx.ModelProto.encode(model).finish();
}

/** Of a file name what no file system refuses. */
const fileStem = (name: string): string => name.replace(/[/\0]/g, '_').slice(0, 40);

/** Bounds for every symbol, by the name that it has in the file: half a surrogate pair is not written as such. */
const dimsOf = (file: string): Record<string, Bounds> =>
  Object.fromEntries(
    readModel(file).graph.inputs.flatMap(({ shape }) =>
      (shape ?? []).flatMap((dim) => (typeof dim === 'string' ? [[dim, { min: 1, max: 3 }]] : [])),
    ),
  );

async function compileModel(name: string, other: string, folder: string): Promise<ReadonlyMap<string, string>> {
  const file = join(scratch, `${fileStem(name)}.onnx`);
  writeFileSync(file, modelOf(name, other));
  const outDir = join(scratch, folder);
  await compile([file], { outDir, bits: 'f32', target: 'c99', name: 'model', js: false, dims: dimsOf(file) });
  const paths = (readdirSync(outDir, { recursive: true }) as string[]).filter((path) =>
    statSync(join(outDir, path)).isFile(),
  );
  return new Map(paths.sort().map((path) => [path, readFileSync(join(outDir, path), 'latin1')]));
}

/** Tokens of C, comments left out, all identifiers and all literals alike. */
const cTokens = (text: string): readonly string[] =>
  [...text.matchAll(/\/\*.*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[A-Za-z_]\w*|\S/gs)].flatMap(
    ([token]) => {
      if (token.startsWith('/*') || token.startsWith('//')) return [];
      return /^[A-Za-z_]/.test(token) ? 'name' : token.length > 1 ? 'literal' : token;
    },
  );
const htmlTags = (text: string): readonly string[] => [...text.matchAll(/<\/?[a-zA-Z][^\s>]*/g)].map(([tag]) => tag);
const count = (text: string, what: string): number => text.split(what).length - 1;

let plain: ReadonlyMap<string, string>;
beforeAll(async () => {
  plain = await compileModel('plain', 'length', 'plain');
});

describe('a model whose names are', () => {
  it.each(Object.entries(HOSTILE_NAMES))('%s', async (what, name) => {
    const files = await compileModel(name, `${name}?`, `package ${Object.keys(HOSTILE_NAMES).indexOf(what)}`);
    expect([...files.keys()]).toEqual([...plain.keys()]);
    for (const [path, text] of files) {
      const expected = plain.get(path)!;
      if (/\.[ch]$/.test(path)) {
        expect(text, path).toMatch(/^[\n\x20-\x7e]*$/);
        // What is replaced before comments and literals are told apart.
        for (const sequence of ['??', '\\\n'])
          expect(count(text, sequence), `${path}: ${sequence}`).toBe(count(expected, sequence));
        expect(cTokens(text), path).toEqual(cTokens(expected));
      } else if (/Makefile|CMakeLists/.test(path)) expect(text, path).toBe(expected);
      else if (path.endsWith('.html')) expect(htmlTags(text), path).toEqual(htmlTags(expected));
      else if (path.endsWith('.json'))
        expect(() => JSON.parse(Buffer.from(text, 'latin1').toString('utf8')), path).not.toThrow();
      else expect(path).toBe('model.weights');
    }
  });

  it('are given to TypeScript as literals', () => {
    const index = (name: string): string => {
      const file = join(scratch, 'index.onnx');
      writeFileSync(file, modelOf(name, `${name}?`));
      const graph = importModel(file, { dims: dimsOf(file) });
      return emitIndex([{ model: describeInterface(graph, 'model'), nodes: 3, wasmWeightsBytes: 64 }], undefined);
    };
    const expected = cTokens(index('a "name"'));
    for (const [what, name] of Object.entries(HOSTILE_NAMES))
      expect(cTokens(index(`"${name}`)), what).toEqual(expected);
  });

  it('ten megabytes long is refused', async () => {
    const name = '"*/\n'.repeat((10 << 20) / 4);
    for (const nodes of [
      [{ op: 'Relu', in: ['x'], out: ['y'], name }],
      [{ op: 'Relu', in: ['x'], out: ['y'], attrs: { [name]: 1 } }],
    ]) {
      const file = join(scratch, 'long.onnx');
      writeFileSync(file, encodeModel({ inputs: { x: { dtype: 'f32', shape: [1] } }, outputs: { y: null }, nodes }));
      const { status, err } = await cli('compile', file, '-o', join(scratch, 'long'), '--bits', 'f32');
      expect(err).toMatch(/long\.onnx: holds a name of 10485760 characters, .* at most 4096 are accepted\n$/);
      expect(status).toBe(1);
      expect(err.length).toBeLessThan(500);
    }
  });
});

describe('a diagnostic', () => {
  it('cannot steer the terminal that it is printed on', async () => {
    const folder = mkdtempSync(join(scratch, 'terminal-'));
    const file = join(folder, 'model.onnx');
    const name = `\u001b[2J\u009b31m\u202egnp\u0007`;
    writeFileSync(
      file,
      encodeModel({ inputs: {}, outputs: { y: null }, nodes: [{ op: name, in: [], out: ['y'], name }] }),
    );
    for (const command of [
      ['inspect', file],
      ['inspect', file, '--json'],
      ['compile', file, '-o', join(folder, 'out')],
    ]) {
      const { status, out, err } = await cli(...command);
      expect(status).toBe(1);
      expect(err).toMatch(/model\.onnx: .*\\u001b\[2J/s);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
      expect(out + err).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    }
  });
});
