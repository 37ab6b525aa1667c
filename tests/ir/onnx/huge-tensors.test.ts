import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../../../src/compile.js';
import { buildPackage, openPackage, runModel } from '../../../src/compiled-package.js';
import { readModel } from '../../../src/ir/onnx/read-model.js';
import { encodeModel, i64, type ModelSpec, temporaryFolder } from './build-model.js';

/**
 * Files of more than 2³¹ and 2³² bytes that are nearly all hole, so that they take no room on the disk.
 */
const GIB = 2 ** 30;
const folder = temporaryFolder();
const data = join(folder, 'weights.bin');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file of `bytes` with four float32 at each place. */
function writeSparse(bytes: number, places: ReadonlyMap<number, readonly number[]>): void {
  const file = openSync(data, 'w');
  ftruncateSync(file, bytes);
  for (const [at, values] of places) writeSync(file, new Uint8Array(Float32Array.from(values).buffer), 0, 16, at);
  closeSync(file);
}

const stored = (name: string, dims: readonly number[], offset: number, length?: number) => ({
  name,
  dims: [...dims],
  dataType: 1,
  dataLocation: 1,
  externalData: [
    { key: 'location', value: 'weights.bin' },
    { key: 'offset', value: String(offset) },
    ...(length === undefined ? [] : [{ key: 'length', value: String(length) }]),
  ],
});

const written = (spec: ModelSpec): string => {
  const path = join(folder, 'model.onnx');
  writeFileSync(path, encodeModel(spec));
  return path;
};

/** A model needs a node and an output. */
const USED = { outputs: { y: null }, nodes: [{ op: 'Shape', in: ['w'], out: ['y'] }] };

/** Rows of a table; 2 GiB and 64 bytes of it. */
const ROWS = GIB / 8 + 4;
const LAST = ROWS - 1;
const tableAt = 4 * GIB + 64;
const table: ModelSpec = {
  inputs: { index: { dtype: 'i64', shape: [3] } },
  outputs: { y: { dtype: 'f32', shape: [3, 4] } },
  nodes: [{ op: 'Gather', in: ['table', 'index'], out: ['y'], attrs: { axis: 0 }, name: 'look-up' }],
  raw: [stored('table', [ROWS, 4], tableAt, ROWS * 16)],
};

describe('external data behind 2 GiB and 4 GiB', () => {
  const near = [2 * GIB - 8, 2 * GIB + 64, 4 * GIB - 8, 4 * GIB + 64, 6 * GIB];
  let sparse = true;
  beforeAll(() => {
    writeSparse(8 * GIB, new Map(near.map((at, i) => [at, [i, i + 0.25, i + 0.5, -i]])));
    sparse = statSync(data).blocks * 512 < 1 << 20;
  });

  it('is read where it lies', (context) => {
    if (!sparse) context.skip('files with holes take their whole size on this disk');
    const { graph } = readModel(written({ ...USED, raw: near.map((at, i) => stored(`w${i}`, [2, 2], at)) }));
    for (const [i] of near.entries())
      expect([...graph.initializers[i]!.load().data]).toEqual([i, i + 0.25, i + 0.5, -i]);
  });

  it('is checked against the end of the file', (context) => {
    if (!sparse) context.skip('files with holes take their whole size on this disk');
    const last = (bytes: number) => written({ ...USED, raw: [stored('w', [GIB / 2], 8 * GIB - bytes)] });
    expect(readModel(last(2 * GIB)).graph.initializers[0]?.shape).toEqual([GIB / 2]);
    expect(() => readModel(last(2 * GIB - 4))).toThrow(/too short: 8589934596 bytes are needed, it has 8589934592/);
  });

  it('is refused by name where Node.js cannot hold the tensor', (context) => {
    if (!sparse) context.skip('files with holes take their whole size on this disk');
    const model = written({ ...USED, raw: [stored('vast', [2 ** 52], 0)] });
    expect(() => readModel(model)).toThrow(/model\.onnx: tensor 'vast': .*18014398509481984 bytes/);
  });

  it.runIf(process.env.SAM_QC_FULL)(
    'of one tensor of more than 2 GiB is compiled, and the C reads its ends (SAM_QC_FULL=1)',
    { timeout: 600_000 },
    async () => {
      const rows = new Map([0, ROWS / 2, LAST].map((row, i) => [row, [i + 1, 2, 3, 4 + i]] as const));
      writeSparse(tableAt + ROWS * 16, new Map([...rows].map(([row, values]) => [tableAt + row * 16, values])));
      const out = join(folder, 'out');
      mkdirSync(out);
      await compile([written(table)], { outDir: out, bits: 'f32', js: false });
      expect(statSync(join(out, 'model.weights')).size).toBeGreaterThan(2 * GIB);
      const compiled = await openPackage(out);
      await buildPackage(compiled);
      const inputs = new Map([['index', i64([3], [...rows.keys()])]]);
      const { outputs } = await runModel(compiled, 'model', inputs, folder);
      expect([...outputs.get('y')!.data]).toEqual([...rows.values()].flat());
    },
  );
});
