import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { encodeModel, f32, type ModelSpec } from '../ir/onnx/build-model.js';
import { type CliResult, cli, temporaryFolder } from './run.js';

const vector = { dtype: 'f32', shape: [4] } as const;
const relu: ModelSpec = {
  inputs: { x: vector },
  outputs: { y: vector },
  nodes: [{ op: 'Relu', in: ['x'], out: ['y'], name: 'act' }],
};
const external = (location: string): ModelSpec => ({
  ...relu,
  nodes: [{ op: 'Add', in: ['x', 'w'], out: ['y'], name: 'sum' }],
  raw: [{ name: 'w', dataType: 1, dims: [4], dataLocation: 1, externalData: [{ key: 'location', value: location }] }],
});

/** Compiles what `prepare` puts into a folder as model.onnx, and checks that nothing is left of it. */
async function compileBad(
  prepare: (folder: string) => Uint8Array | string,
  ...options: readonly string[]
): Promise<CliResult> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'model.onnx'), prepare(folder));
  const before = readdirSync(folder);
  const result = await cli(
    'compile',
    join(folder, 'model.onnx'),
    '-o',
    join(folder, 'out'),
    '--bits',
    'f32',
    ...options,
  );
  expect(readdirSync(folder)).toEqual(before);
  return result;
}

function expectRefusal({ status, out, err }: CliResult, ...messages: readonly RegExp[]): void {
  expect(err).toMatch(/^sam-qc: /);
  for (const message of messages) expect(err).toMatch(message);
  expect(err).not.toMatch(/\n {4}at /);
  expect(out).toBe('');
  expect(status).toBe(1);
}

describe('compile refuses', () => {
  it('a file that is not there, or not ONNX', async () => {
    expectRefusal(await cli('compile', 'none.onnx', '-o', 'unused'), /none\.onnx: cannot be read/);
    expectRefusal(await compileBad(() => 'not a model'), /model\.onnx: is not an? (whole )?ONNX model/);
    expectRefusal(await compileBad(() => ''), /model\.onnx: is empty/);
  });

  it('a truncated file', async () => {
    expectRefusal(await compileBad(() => encodeModel(relu).subarray(0, 60)), /model\.onnx: .*truncated/);
  });

  it('unknown operators, all of them with their nodes', async () => {
    const nodes = [
      { op: 'Frobnicate', in: ['x'], out: ['a'], name: 'first' },
      { op: 'NonZero', in: ['a'], out: ['b'], name: 'where' },
      { op: 'Frobnicate', in: ['b'], out: ['y'], name: 'second' },
    ];
    const result = await compileBad(() => encodeModel({ ...relu, nodes }));
    expectRefusal(result, /model\.onnx/, /Frobnicate.*first, second/, /NonZero.*where/);
  });

  it('external data that is missing, too short, or outside of the folder', async () => {
    expectRefusal(await compileBad(() => encodeModel(external('w.bin'))), /tensor 'w': .*'w\.bin' is missing/);
    const short = compileBad((folder) => {
      writeFileSync(join(folder, 'w.bin'), new Uint8Array(12));
      return encodeModel(external('w.bin'));
    });
    expectRefusal(await short, /model\.onnx: tensor 'w': .*'w\.bin' is too short: 16 bytes are needed, it has 12/);
    expectRefusal(await compileBad(() => encodeModel(external('../w.bin'))), /tensor 'w'.*leave the model's folder/);
    expectRefusal(await compileBad(() => encodeModel(external('/etc/passwd'))), /tensor 'w'.*absolute/);
    const link = compileBad((folder) => {
      const elsewhere = join(temporaryFolder(), 'w.bin');
      writeFileSync(elsewhere, new Uint8Array(16));
      symlinkSync(elsewhere, join(folder, 'w.bin'));
      return encodeModel(external('w.bin'));
    });
    expectRefusal(await link, /tensor 'w'.*symbolic link leaves/);
  });

  it('shapes that contradict each other', async () => {
    const result = await compileBad(() =>
      encodeModel({
        inputs: { x: { dtype: 'f32', shape: [2, 3] } },
        outputs: { y: { dtype: 'f32', shape: [2, 5] } },
        initializers: { w: f32([4, 5], Array(20).fill(1)) },
        nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['y'], name: 'project' }],
      }),
    );
    expectRefusal(result, /model\.onnx: project \(MatMul\): /);
  });

  it('a symbolic dimension without a bound, and --dim or --freeze of what is not there', async () => {
    const shape = ['frames', 4];
    const open = encodeModel({
      ...relu,
      inputs: { x: { dtype: 'f32', shape } },
      outputs: { y: { dtype: 'f32', shape } },
    });
    expectRefusal(await compileBad(() => open), /'frames' of input 'x'.*--dim frames=<min>\.\.<max>/);
    expectRefusal(await compileBad(() => open, '--dim', 'fames=1..4'), /no symbolic dimension 'fames'.*frames/);
    expectRefusal(await compileBad(() => open, '--dim', 'frames=4..1'), /frames=4\.\.1.*not in order/);
    const npy = fileURLToPath(new URL('../fixtures/ptq4sam/v-00.npy', import.meta.url));
    expectRefusal(await compileBad(() => open, '--freeze', `z=${npy}`), /no input 'z' to freeze; inputs: x/);
    expectRefusal(await compileBad(() => open, '--freeze', 'x=none.npy'), /none\.npy: cannot be read/);
  });

  it('bits, passes and calibration folders that there are none of', async () => {
    expectRefusal(await compileBad(() => encodeModel(relu), '--bits', 'w5a3'), /w5a3.*f32, w8a8, w6a6, w4a4/);
    expectRefusal(await compileBad(() => encodeModel(relu), '--dump-after', 'fold'), /fold: no such pass.*fuse-linear/);
    const empty = temporaryFolder();
    const calibrated = compileBad(() => encodeModel(relu), '--bits', 'w8a8', '--calib', empty);
    expectRefusal(await calibrated, /no pictures/);
  });

  it('a folder with content that is not a package', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'model.onnx'), encodeModel(relu));
    mkdirSync(join(folder, 'thesis'));
    writeFileSync(join(folder, 'thesis', 'chapter.tex'), 'irreplaceable');
    const args = ['compile', join(folder, 'model.onnx'), '--bits', 'f32', '-o'];
    expectRefusal(await cli(...args, join(folder, 'thesis')), /thesis: is not empty and not a package/);
    expect(readdirSync(join(folder, 'thesis'))).toEqual(['chapter.tex']);
    expectRefusal(await cli(...args, join(folder, 'model.onnx')), /model\.onnx: cannot be written/);
  });

  it('to touch a package where the next model is at fault', async () => {
    const folder = temporaryFolder();
    const [model, out] = [join(folder, 'model.onnx'), join(folder, 'out')];
    writeFileSync(model, encodeModel(relu));
    expect((await cli('compile', model, '-o', out, '--bits', 'f32')).status).toBe(0);
    const before = readFileSync(join(out, 'manifest.json'), 'utf8');
    writeFileSync(model, encodeModel(relu).subarray(0, 60));
    expectRefusal(await cli('compile', model, '-o', out, '--bits', 'f32'), /truncated/);
    expect(readFileSync(join(out, 'manifest.json'), 'utf8')).toBe(before);
  });
});

describe('other commands refuse', () => {
  it('folders that are no package', async () => {
    const folder = temporaryFolder();
    expectRefusal(await cli('run', folder, 'model', '--out', folder), /not a compiled package/);
    expectRefusal(await cli('eval', folder, '--images', folder, '--prompts', join(folder, 'p.json')), /p\.json/);
    writeFileSync(join(folder, 'manifest.json'), '{"format": 7}');
    expectRefusal(await cli('run', folder, 'model', '--out', folder), /manifest\.json: not a manifest/);
  });

  it('pictures that cannot be read', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'broken.png'), 'not a picture');
    for (const image of ['broken.png', 'none.png']) {
      const mask = join(folder, 'mask.png');
      const result = await cli('segment', folder, join(folder, image), '--point', '1,1', '-o', mask);
      expectRefusal(result, new RegExp(`${image}: cannot be read as a picture`));
      expect(existsSync(mask)).toBe(false);
    }
  });

  it('to inspect or verify what cannot be compiled', async () => {
    const folder = temporaryFolder();
    const model = join(folder, 'model.onnx');
    writeFileSync(model, encodeModel({ ...relu, nodes: [{ op: 'Frobnicate', in: ['x'], out: ['y'], name: 'first' }] }));
    const inspected = await cli('inspect', model, '--json');
    expect(inspected.status).toBe(1);
    expect(JSON.parse(inspected.out).unsupported).toEqual([
      { operator: 'Frobnicate', reason: 'unknown operator', nodes: ['first (Frobnicate)'] },
    ]);
    expect(inspected.err).toMatch(/^sam-qc: model\.onnx: .*Frobnicate/);
    expectRefusal(await cli('verify', model, '--data', folder), /test data|test_data_set_0/);
    expectRefusal(await cli('verify', model, '--data', join(folder, 'none')), /no such folder/);
  });

  it('to build without a C compiler', async () => {
    const folder = temporaryFolder();
    const [model, out] = [join(folder, 'model.onnx'), join(folder, 'out')];
    writeFileSync(model, encodeModel(relu));
    expect((await cli('compile', model, '-o', out, '--bits', 'f32')).status).toBe(0);
    const path = process.env.PATH;
    process.env.PATH = temporaryFolder();
    try {
      expectRefusal(
        await cli('run', out, 'model', '--out', folder),
        /no C compiler on this machine: cc is not in PATH/,
      );
    } finally {
      process.env.PATH = path;
    }
    expect(existsSync(join(out, 'build'))).toBe(false);
  });
});

describe('wrong usage has status 2', () => {
  it.each([
    [['frobnicate']],
    [[]],
    [['compile']],
    [['compile', 'model.onnx']],
    [['compile', 'model.onnx', '-o', 'out', '--target', 'z80']],
    [['compile', 'model.onnx', '-o', 'out', '--keys', 'both']],
    [['compile', 'model.onnx', '-o', 'out', '--bits', 'auto']],
    [['compile', 'model.onnx', '-o', 'out', '--bits', 'auto', '--max-drop', '0.01', '--max-bytes', '1000']],
    [['compile', 'model.onnx', '-o', 'out', '--bits', 'w8a8', '--max-drop', '0.01']],
    [['compile', 'model.onnx', '-o', 'out', '--max-bytes', '1000']],
    [['compile', 'model.onnx', '-o', 'out', '--bits', 'auto', '--max-drop', '0']],
    [['compile', 'model.onnx', '-o', 'out', '--bits', 'auto', '--max-drop', '1.5']],
    [['compile', 'model.onnx', '-o', 'out', '--bits', 'auto', '--max-drop', 'little']],
    [['compile', 'model.onnx', '-o', 'out', '--bits', 'auto', '--max-bytes', '0']],
    [['compile', 'model.onnx', '-o', 'out', '--bits', 'auto', '--max-bytes', '2 GB']],
    [['compile', 'model.onnx', '-o', 'out', '--dim', 'points']],
    [['compile', 'model.onnx', '-o', 'out', '--freeze', 'x']],
    [['compile', 'model.onnx', '-o', 'out', '--frobnicate']],
    [['segment', 'out', 'a.png', '-o', 'mask.png']],
    [['segment', 'out', 'a.png', '-o', 'mask.png', '--point', '1']],
    [['segment', 'out', 'a.png', '-o', 'mask.png', '--point', '1,2,7']],
    [['segment', 'out', 'a.png', '-o', 'mask.png', '--box', '9,9,1,1']],
    [['run', 'out', 'model', '--out', 'x', '--threads', '0']],
    [['eval', 'out', '--images', '.', '--prompts', 'p.json', '--reference', 'one.onnx']],
    [['eval', 'out']],
    [['eval', 'out', '--images', '.']],
    [['eval', 'out', '--by-layer', '--prompts', 'p.json']],
    [['eval', 'out', '--by-layer', '--reference', 'a.onnx', 'b.onnx']],
  ])('%j', async (args) => {
    const { status, out, err } = await cli(...args);
    expect(status).toBe(2);
    expect(out).toBe('');
    expect(err).not.toBe('');
  });

  it('but help and version are what was asked for', async () => {
    expect(await cli('--version')).toEqual({ status: 0, out: '0.1.0\n', err: '' });
    const help = await cli('--help');
    expect(help.status).toBe(0);
    for (const command of ['compile', 'verify', 'inspect', 'run', 'segment', 'eval'])
      expect(help.out).toMatch(new RegExp(`^  ${command} `, 'm'));
    expect((await cli('compile', '--help')).status).toBe(0);
  });
});
