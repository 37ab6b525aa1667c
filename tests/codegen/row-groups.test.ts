import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { emitPackage } from '../../src/codegen/emit-package.js';
import { hostTarget, type TargetName } from '../../src/codegen/targets.js';
import { buildPackage, openPackage, runModel } from '../../src/compiled-package.js';
import { editGraph, emptyGraph } from '../../src/ir/edit.js';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import type { Graph, ValueId } from '../../src/ir/graph.js';
import { tensorToBytes } from '../../src/ir/tensor-bytes.js';
import { randomTensor } from '../../src/ir/text/parse.js';
import type { Tensor } from '../../src/ir/types.js';

const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-rows-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const QUANT = { scale: 0.03, zeroPoint: 120, bits: 8 } as const;
/** Not a multiple of any block of rows. */
const [HEIGHT, WIDTH] = [37, 41];
const ROWS = HEIGHT * WIDTH;

/** Channels first to last, a tensor behind a flag, sums with a row and with a table, norms, products of 8 and 4 bits, a matmul. */
function program(): Graph {
  const g = editGraph(emptyGraph('rows', {}));
  const random = (shape: readonly number[], seed: number): ValueId => g.addTensor(randomTensor('f32', shape, seed), '');
  const linear = (x: ValueId, n: number, k: number, bits: number, residual: ValueId | null): ValueId => {
    const limit = 2 ** (bits - 1);
    const data = Int8Array.from({ length: n * k }, (_, i) => ((i * 7919) % (2 * limit)) - limit);
    const operands = [
      x,
      g.addTensor({ dtype: 'i8', shape: [n, k], data }, ''),
      g.addTensor({ dtype: 'i32', shape: [n], data: Int32Array.from({ length: n }, (_, i) => 50 * i - 900) }, ''),
      g.addTensor({ dtype: 'f32', shape: [n], data: new Float32Array(n).fill(0.0004) }, ''),
      residual,
    ];
    return g.emitOne('integer_linear', operands, { activation: 'gelu', weight_bits: bits });
  };
  const image = g.input('image', { dtype: 'f32', shape: [1, 48, HEIGHT, WIDTH] });
  const mask = g.input('mask', { dtype: 'f32', shape: [1, ROWS, 16] });
  const flag = g.input('flag', { dtype: 'f32', shape: [1] });
  const codes = g.emitOne('quantize', [mask], { quant: QUANT });
  const given = g.emitOne('gate', [linear(codes, 48, 16, 8, null), flag], {});
  const shifted = g.emitOne('binary', [given, random([1, 1, 48], 1)], { fn: 'add' });
  const last = g.emitOne('transpose', [image], { perm: [0, 2, 3, 1] });
  const tokens = g.emitOne('reshape', [last], { shape: [1, ROWS, 48] });
  const sum = g.emitOne('binary', [shifted, tokens], { fn: 'add' });
  const add = { quant: QUANT, also_float: false };
  const [placed] = g.emit('add_quantize', [sum, random([ROWS, 48], 2)], add);
  const [rowed] = g.emit('add_quantize', [sum, random([48], 3)], add);
  const mixed = linear(placed!, 64, 48, 4, null);
  const wide = linear(rowed!, 64, 48, 8, mixed);
  const norm = { epsilon: 1e-6, quant: QUANT, also_float: true };
  const parts = g.emitOne('reshape', [wide], { shape: [ROWS, 4, 16] });
  const [normed, floats] = g.emit('layer_norm_quantize', [parts, random([16], 4), random([16], 5)], norm);
  const four = g.emitOne('reshape', [floats!], { shape: [ROWS * 4, 16] });
  g.output('product', g.emitOne('matmul', [four, random([16, 4], 6)], {}));
  g.output('codes', normed!);
  g.output('sum', sum);
  return g.finish();
}

const targets: readonly TargetName[] = [...new Set<TargetName>(['c99', hostTarget()])];

describe('nodes that run together on some rows', () => {
  it('give the bytes of the evaluator, with a mask and without, with 1 and 2 threads', async () => {
    const graph = program();
    for (const target of targets) {
      const outDir = join(scratch, target);
      await emitPackage([{ name: 'rows', graph, sourceSha256: '' }], { target, bits: 'w8a8', outDir });
      expect(readFileSync(join(outDir, 'src/rows.c'), 'utf8')).toMatch(/sq_each\(frame, sq_rows_\d+/);
      const compiled = await openPackage(outDir);
      await buildPackage(compiled);
      for (const flag of [0, 1, 0.5]) {
        const inputs = new Map<string, Tensor>([
          ['image', randomTensor('f32', [1, 48, HEIGHT, WIDTH], 1)],
          ['mask', randomTensor('f32', [1, ROWS, 16], 2)],
          ['flag', { dtype: 'f32', shape: [1], data: Float32Array.of(flag) }],
        ]);
        const expected = evaluateGraph(graph, inputs);
        for (const threads of [1, 2]) {
          const { outputs } = await runModel(compiled, 'rows', inputs, join(scratch, 'run'), { threads });
          for (const [name, tensor] of expected)
            expect(Buffer.compare(tensorToBytes(outputs.get(name)!), tensorToBytes(tensor)), `${name} ${target}`).toBe(
              0,
            );
        }
      }
    }
  }, 600_000);
});
