import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { emitPackage, type Manifest } from '../../src/codegen/emit-package.js';
import { type AttrsFor, editGraph, emptyGraph } from '../../src/ir/edit.js';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import type { Graph } from '../../src/ir/graph.js';
import type { OpName } from '../../src/ir/ops/index.js';
import { call, symbol } from '../../src/ir/scalar.js';
import { tensorFromBytes, tensorToBytes } from '../../src/ir/tensor-bytes.js';
import type { DType, Tensor } from '../../src/ir/types.js';
import { decodeNpy, encodeNpy, type NpyArray } from '../../src/npy.js';
import { type Case, createCases, createRandom, createTensors, tensor } from './generic-ops/cases.js';
import { elementwiseCases } from './generic-ops/elementwise.js';
import { movementCases } from './generic-ops/movement.js';
import { reductionCases } from './generic-ops/reduction.js';
import { samplingCases } from './generic-ops/sampling.js';

const build = mkdtempSync(join(tmpdir(), 'sam-qc-generic-'));
afterAll(() => rmSync(build, { recursive: true, force: true }));
const compiler = ['cc', 'clang-19'].find((cc) => spawnSync(cc, ['--version']).status === 0);
/** Without optimisation, which takes minutes for all the kernels here; `-O3` gives the same results. */
const FLAGS = process.env.SAM_QC_TEST_CFLAGS ?? '-O0 -fsanitize=address,undefined -fno-sanitize-recover=all';
const WARNINGS = '-std=c11 -Wall -Wextra -Wpedantic -Werror -ffp-contract=off -fno-math-errno -fno-trapping-math';

/** f16 and bf16 travel as their bits. */
function toNpy(x: Tensor): Uint8Array {
  const bytes = tensorToBytes(x);
  const dtype = x.dtype === 'bf16' ? 'u16' : x.dtype;
  const { data } = dtype === 'f16' ? { data: new Uint16Array(bytes.buffer) } : tensorFromBytes(dtype, x.shape, bytes);
  return encodeNpy({ dtype, shape: x.shape, data } as NpyArray);
}

function fromNpy(path: string, dtype: DType): Tensor {
  const { shape, data } = decodeNpy(readFileSync(path), path);
  return tensorFromBytes(dtype, shape, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

/** Writes, compiles and runs a program; its outputs by name. */
async function runProgram(
  graph: Graph,
  inputs: ReadonlyMap<string, Tensor>,
  label: string,
  flags: string,
): Promise<Map<string, Tensor>> {
  const outDir = join(build, label);
  await emitPackage([{ name: 'ops', graph, sourceSha256: '0'.repeat(64) }], { target: 'c99', bits: 'f32', outDir });
  const options = { cwd: outDir, stdio: 'pipe', maxBuffer: 1 << 28 } as const;
  execFileSync('make', [`CC=${compiler}`, `CFLAGS=${WARNINGS} ${flags}`, 'build/ops.o'], options);
  execFileSync('make', [`CC=${compiler}`, `CFLAGS=-std=c11 ${flags}`, 'build/run'], options);
  const args = ['ops', '--out', join(outDir, 'out'), '--threads', '3', '--weights', join(outDir, 'ops.weights')];
  mkdirSync(join(outDir, 'in'));
  mkdirSync(join(outDir, 'out'), { recursive: true });
  const manifest = JSON.parse(readFileSync(join(outDir, 'manifest.json'), 'utf8')) as Manifest;
  for (const { name, file } of manifest.models[0]!.inputs) {
    writeFileSync(join(outDir, 'in', file), toNpy(inputs.get(name)!));
    args.push('--in', `${name}=${join(outDir, 'in', file)}`);
  }
  const { status, stderr } = spawnSync(join(outDir, 'build/run'), args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${label} ended with ${status}: ${stderr.slice(0, 2000)}`);
  return new Map(
    manifest.models[0]!.outputs.map(({ name, file, dtype }) => [
      name,
      fromNpy(join(outDir, 'out', file), dtype as DType),
    ]),
  );
}

/** All cases in one program: their operands are its inputs, so that nothing is folded. */
function programOf(cases: readonly Case[]): { graph: Graph; inputs: Map<string, Tensor> } {
  const edit = editGraph(emptyGraph('ops', {}));
  const inputs = new Map<string, Tensor>();
  for (const [index, { op, operands, attrs, name }] of cases.entries()) {
    const ids = operands.map((operand, i) => {
      if (operand === null) return null;
      const input = `c${index}_${i}`;
      inputs.set(input, operand);
      return edit.input(input, { dtype: operand.dtype, shape: operand.shape });
    });
    const results = edit.emit(op, ids, attrs as AttrsFor<OpName>, { source: name });
    results.forEach((result, i) => {
      edit.output(`c${index}_r${i}`, result);
    });
  }
  return { graph: edit.finish(), inputs };
}

const TOLERANCE: { readonly [D in DType]?: number } = { f32: 4e-6, f64: 1e-12, f16: 2e-3, bf16: 1.6e-2 };

/** The first difference, or undefined. Zeros are equal whatever their signs, NaN equals NaN. */
function difference(expected: Tensor, actual: Tensor, loose: boolean): string | undefined {
  if (actual.dtype !== expected.dtype || String(actual.shape) !== String(expected.shape))
    return `${actual.dtype}[${actual.shape}] for ${expected.dtype}[${expected.shape}]`;
  const tolerance = loose ? (TOLERANCE[expected.dtype] ?? 0) : 0;
  for (let i = 0; i < expected.data.length; i++) {
    const [e, a] = [expected.data[i]!, actual.data[i]!];
    if (e === a || (Number.isNaN(e) && Number.isNaN(a))) continue;
    if (typeof e === 'number' && Math.abs(e - Number(a)) <= tolerance * Math.max(1, Math.abs(e))) continue;
    return `element ${i} is ${a}, expected ${e}`;
  }
  return undefined;
}

async function differences(cases: readonly Case[], label: string, flags: string): Promise<readonly string[]> {
  const { graph, inputs } = programOf(cases);
  const expected = evaluateGraph(graph, inputs);
  const actual = await runProgram(graph, inputs, label, flags);
  return [...expected].flatMap(([name, result]) => {
    const { name: what, loose } = cases[Number(name.slice(1, name.indexOf('_')))]!;
    const found = difference(result, actual.get(name)!, loose);
    return found === undefined ? [] : [`${what}: ${found}`];
  });
}

const GROUPS = {
  elementwise: elementwiseCases,
  movement: movementCases,
  reduction: reductionCases,
  sampling: samplingCases,
} as const;

describe.skipIf(compiler === undefined)('generic ops in C', () => {
  for (const [group, collect] of Object.entries(GROUPS)) {
    it(`${group}: the program gives what the evaluator gives`, async () => {
      const list = createCases();
      const random = createRandom(7);
      collect(list, createTensors(random), random);
      expect(list.cases.length).toBeGreaterThan(20);
      expect(await differences(list.cases, group, FLAGS)).toEqual([]);
    }, 600_000);
  }

  it('symbolic shapes: one program for every size', async () => {
    const edit = editGraph(emptyGraph('ops', { n: { min: 1, max: 9 }, m: { min: 0, max: 6 } }));
    const [n, m] = [symbol('n'), symbol('m')];
    const x = edit.input('x', { dtype: 'f32', shape: [2, n, 3, m] });
    const bias = edit.input('bias', { dtype: 'f32', shape: [n, 1, 1] });
    const sum = edit.emitOne('binary', [x, bias], { fn: 'add' });
    const turned = edit.emitOne('transpose', [sum], { perm: [3, 0, 2, 1] });
    const joined = edit.emitOne('concat', [turned, turned], { axis: 3 });
    const flat = edit.emitOne('reduce', [joined], { fn: 'max', axes: [1, 3], keepdims: false });
    const count = edit.emitOne('scalars', [], { values: [n, m, 7], shape: [3], dtype: 'i64' });
    const padded = edit.emitOne('pad', [sum, null], { mode: 'constant', before: [0, 1, 0, n], after: [0, 0, 2, 0] });
    const sliced = edit.emitOne('slice', [sum], { starts: [1, 0, 2, 0], sizes: [1, n, 3, m], steps: [1, 1, -1, 1] });
    for (const [name, value] of Object.entries({ joined, flat, count, padded, sliced })) edit.output(name, value);
    const graph = edit.finish();
    const random = createTensors(createRandom(3));
    for (const [index, [sizeN, sizeM]] of (
      [
        [1, 1],
        [9, 6],
        [5, 0],
      ] as const
    ).entries()) {
      const inputs = new Map([
        ['x', random('f32', [2, sizeN, 3, sizeM])],
        ['bias', random('f32', [sizeN, 1, 1])],
      ]);
      const actual = await runProgram(graph, inputs, `symbolic-${index}`, '-O1 -fsanitize=address,undefined');
      for (const [name, expected] of evaluateGraph(graph, inputs))
        expect(difference(expected, actual.get(name)!, false), `${name} of ${sizeN}, ${sizeM}`).toBeUndefined();
    }
  }, 120_000);

  it('what is only moved keeps its value under optimisation, where a kernel sees elements by size, not by type', async () => {
    const edit = editGraph(emptyGraph('ops', { n: { min: 1, max: 9 } }));
    const x = edit.input('x', { dtype: 'f32', shape: [4, symbol('n')] });
    const scaled = (scale: number) => call('mul_f32', call('to_f32', symbol('n')), scale);
    const values = [scaled(0.5), scaled(-3), 7.25, scaled(0.25)];
    const column = edit.emitOne('scalars', [], { values, shape: [4, 1], dtype: 'f32' });
    const sum = edit.emitOne('binary', [x, column], { fn: 'add' });
    const best = edit.emitOne('arg_reduce', [sum], { fn: 'max', axis: 0, keepdims: false, select_last: false });
    const chosen = edit.emitOne('gather', [column, best], { axis: 0 });
    const turned = edit.emitOne('transpose', [sum], { perm: [1, 0] });
    const doubled = edit.emitOne('binary', [turned, turned], { fn: 'add' });
    for (const [name, value] of Object.entries({ sum, chosen, doubled })) edit.output(name, value);
    const graph = edit.finish();
    const inputs = new Map([['x', createTensors(createRandom(5))('f32', [4, 6])]]);
    const actual = await runProgram(graph, inputs, 'moved', '-O3');
    for (const [name, expected] of evaluateGraph(graph, inputs))
      expect(difference(expected, actual.get(name)!, false), name).toBeUndefined();
  }, 120_000);

  it('large tensors: every block and tile boundary', async () => {
    const list = createCases();
    const wave = (shape: readonly number[]): Tensor => tensor('f32', shape, (i) => Math.sin(i * 0.37) * 5);
    list.add('binary', [wave([3, 5000]), wave([3, 5000])], { fn: 'mul' });
    list.add('binary', [wave([3, 4097]), wave([4097])], { fn: 'add' });
    list.add('binary', [wave([2, 8193]), wave([])], { fn: 'max' });
    list.add('transpose', [wave([2, 67, 131])], { perm: [0, 2, 1] });
    list.add('transpose', [wave([33, 5, 64, 7])], { perm: [3, 1, 0, 2] });
    list.add('reduce', [wave([3, 500, 70])], { fn: 'max', axes: [1], keepdims: false });
    list.add('reduce', [wave([3, 2000])], { fn: 'sum', axes: [1], keepdims: false }, { loose: true });
    list.add('unary', [wave([9000])], { fn: 'relu' });
    list.add('cast', [wave([9000])], { to: 'i8' });
    list.add('matmul', [wave([3, 130]), wave([130, 70])], {}, { loose: true });
    expect(await differences(list.cases, 'large', '-O3')).toEqual([]);
  }, 120_000);
});
