import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { attentionsOf } from '../../src/calibrate/attentions.js';
import { emitPackage } from '../../src/codegen/emit-package.js';
import { hostTarget } from '../../src/codegen/targets.js';
import { buildPackage, openPackage, runModel } from '../../src/compiled-package.js';
import { editGraph } from '../../src/ir/edit.js';
import { type Graph, typeOf } from '../../src/ir/graph.js';
import { tensorToBytes } from '../../src/ir/tensor-bytes.js';
import { foldSign } from '../../src/passes/fold-sign.js';
import { ATTENTION } from '../../src/passes/scale-query-key.js';
import { smallSam } from '../small-sam.js';

const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-signs-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Folds signs of no pattern into every attention: the same for each head where the heads share position tables. */
function foldEverywhere(graph: Graph): { graph: Graph; folded: number } {
  const editor = editGraph(graph);
  let folded = 0;
  for (const attention of attentionsOf(graph)) {
    const channels = typeOf(graph, attention.operands[ATTENTION.k]!).shape[2] as number;
    const period = attention.operands[ATTENTION.relHeight] == null ? channels : channels / attention.attrs.heads;
    const signs = Int8Array.from({ length: channels }, (_, j) => (((j % period) * 7919) % 13 < 6 ? -1 : 1));
    if (foldSign(editor, attention, signs) === undefined) folded++;
  }
  return { graph: editor.finish(), folded };
}

it('folding signs leaves every output of the float C equal byte for byte, encoder and decoder', async () => {
  const models = await smallSam();
  const folded = models.map(({ graph }) => foldEverywhere(graph));
  expect(folded.map((model) => model.folded)).toEqual([6, 7]);
  const packages = [models.map(({ graph }) => graph), folded.map(({ graph }) => graph)];
  const outputs: Map<string, Buffer>[] = [];
  for (const [i, graphs] of packages.entries()) {
    const folder = join(scratch, String(i));
    const sources = models.map(({ name }, m) => ({ name, graph: graphs[m]!, sourceSha256: '' }));
    await emitPackage(sources, { target: hostTarget(), bits: 'f32', outDir: folder });
    const compiled = await openPackage(folder);
    await buildPackage(compiled);
    const bytes = new Map<string, Buffer>();
    for (const { name, inputs } of models) {
      const result = await runModel(compiled, name, inputs, join(scratch, 'run'));
      for (const [output, tensor] of result.outputs)
        bytes.set(`${name}: ${output}`, Buffer.from(tensorToBytes(tensor)));
    }
    outputs.push(bytes);
  }
  expect([...outputs[0]!.keys()]).toEqual([...outputs[1]!.keys()]);
  for (const [name, bytes] of outputs[0]!) expect(bytes.equals(outputs[1]!.get(name)!), name).toBe(true);
}, 300_000);
