import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Attention, attentionsOf } from '../../src/calibrate/attentions.js';
import { emitPackage } from '../../src/codegen/emit-package.js';
import { hostTarget } from '../../src/codegen/targets.js';
import { buildPackage, openPackage, runModel } from '../../src/compiled-package.js';
import { type Editor, editGraph } from '../../src/ir/edit.js';
import { type Graph, type NodeOf, typeOf } from '../../src/ir/graph.js';
import { tensorToBytes } from '../../src/ir/tensor-bytes.js';
import type { Tensor } from '../../src/ir/types.js';
import { centerInput, linearsReading } from '../../src/passes/center-input.js';
import { centerKeys } from '../../src/passes/center-keys.js';
import { equalizeQueryKey } from '../../src/passes/equalize-query-key.js';
import { foldSign } from '../../src/passes/fold-sign.js';
import { constantAddendOf, liftAddend } from '../../src/passes/lift-addend.js';
import { migrateScales, migrationTargets } from '../../src/passes/migrate-scales.js';
import type { HeadBases } from '../../src/passes/mix-channels.js';
import { mixQueryKey } from '../../src/passes/mix-query-key.js';
import { mixValue } from '../../src/passes/mix-value.js';
import { ATTENTION, type Refusal } from '../../src/passes/scale-query-key.js';
import { type SmallModel, smallSam } from '../small-sam.js';

/** What the passes do to the small SAM's weights, everywhere at once, against the float C of the model as it is. */

const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-exact-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let models: readonly SmallModel[];
let before: ReadonlyMap<string, Tensor>;
beforeAll(async () => {
  models = await smallSam();
  before = await outputsOf(
    'before',
    models.map(({ graph }) => graph),
  );
}, 300_000);

/** Every output of the float C, by model and name. */
async function outputsOf(name: string, graphs: readonly Graph[]): Promise<ReadonlyMap<string, Tensor>> {
  const folder = join(scratch, name);
  const sources = models.map((model, i) => ({ name: model.name, graph: graphs[i]!, sourceSha256: '' }));
  await emitPackage(sources, { target: hostTarget(), bits: 'f32', outDir: folder });
  const compiled = await openPackage(folder);
  await buildPackage(compiled);
  const found = new Map<string, Tensor>();
  for (const model of models) {
    const { outputs } = await runModel(compiled, model.name, model.inputs, join(folder, 'run'));
    for (const [output, tensor] of outputs) found.set(`${model.name}: ${output}`, tensor);
  }
  return found;
}

/** Changes every attention that allows it; numbers of no pattern, the same for each head where the heads share position tables. */
function everyAttention(
  graph: Graph,
  number: (j: number) => number,
  change: (attention: Attention, numbers: readonly number[]) => Refusal | undefined,
): number {
  let changed = 0;
  for (const attention of attentionsOf(graph)) {
    const channels = typeOf(graph, attention.operands[ATTENTION.k]!).shape[2] as number;
    const period = attention.operands[ATTENTION.relHeight] == null ? channels : channels / attention.attrs.heads;
    const numbers = Array.from({ length: channels }, (_, j) => number(((j % period) * 7919) % 13));
    if (change(attention, numbers) === undefined) changed++;
  }
  return changed;
}

type Transform = (editor: Editor, graph: Graph) => number;

const signs: Transform = (editor, graph) =>
  everyAttention(
    graph,
    (j) => (j < 6 ? -1 : 1),
    (attention, numbers) => foldSign(editor, attention, Int8Array.from(numbers)),
  );

const powers: Transform = (editor, graph) =>
  everyAttention(
    graph,
    (j) => 2 ** ((j % 5) - 2),
    (attention, numbers) => equalizeQueryKey(editor, attention, Float32Array.from(numbers)),
  );

/** Scales of all channels of all LayerNorms that have a place for them, from a number for each channel. */
const moving =
  (scale: (j: number) => number): Transform =>
  (editor, graph) => {
    const norms = graph.nodes.filter((node): node is NodeOf<'layer_norm'> => node.op === 'layer_norm');
    const movable = norms.filter((norm) => migrationTargets(editor, norm) !== undefined);
    for (const norm of movable) {
      const channels = typeOf(graph, norm.results[0]!).shape.at(-1) as number;
      migrateScales(
        editor,
        norm,
        Float32Array.from({ length: channels }, (_, j) => scale((j * 7919) % 7)),
      );
    }
    return movable.length;
  };

const centred: Transform = (editor, graph) =>
  everyAttention(
    graph,
    (j) => j / 4 - 1.5,
    (attention, numbers) => centerKeys(editor, attention, Float32Array.from(numbers)),
  );

/** Unit triangular bases, the same for each head where the heads share position tables: their inverses are exact. */
function basesOf(attention: Attention, channels: number): HeadBases {
  const { heads } = attention.attrs;
  const d = channels / heads;
  const [to, from] = [new Float64Array(heads * d * d), new Float64Array(heads * d * d)];
  const half = d >> 1;
  const shared = attention.operands[ATTENTION.relHeight] != null;
  for (let head = 0; head < heads; head++)
    for (let i = 0; i < d; i++) {
      const row = (head * d + i) * d;
      to[row + i] = 1;
      from[row + i] = 1;
      // Its square is 0, so that 1 − it is the inverse.
      for (let j = half; i < half && j < d; j++) {
        const n = ((((shared ? 0 : head) + i) * 31 + j * 17) % 7) / 8 - 0.375;
        to[row + j] = n;
        from[(head * d + j) * d + i] = -n;
      }
    }
  return { heads, to, from };
}

const mixedKeys: Transform = (editor, graph) =>
  attentionsOf(graph).filter((attention) => {
    const channels = typeOf(graph, attention.operands[ATTENTION.k]!).shape[2] as number;
    return mixQueryKey(editor, attention, basesOf(attention, channels)) === undefined;
  }).length;

const mixedValues: Transform = (editor, graph) =>
  attentionsOf(graph).filter((attention) => {
    const channels = typeOf(graph, attention.operands[ATTENTION.v]!).shape[2] as number;
    const center = Float32Array.from({ length: channels }, (_, j) => ((j * 7919) % 13) / 16 - 0.4);
    return mixValue(editor, attention, { center, bases: basesOf(attention, channels) }) === undefined;
  }).length;

const centredInputs: Transform = (editor, graph) => {
  const read = new Set(graph.nodes.flatMap(({ op, operands: [x] }) => (op === 'linear' && x != null ? [x] : [])));
  const values = [...read].filter((value) => linearsReading(editor, value).linears.length > 0);
  for (const value of values) {
    const channels = typeOf(graph, value).shape.at(-1) as number;
    centerInput(
      editor,
      value,
      Float32Array.from({ length: channels }, (_, j) => ((j * 7919) % 13) / 16 - 0.4),
    );
  }
  return values.length;
};

const liftedAddends: Transform = (editor, graph) => {
  const sums = graph.nodes.flatMap(({ op, results: [x] }) =>
    op === 'binary' && constantAddendOf(editor, x!) ? [x!] : [],
  );
  for (const value of sums) liftAddend(editor, value);
  return sums.length;
};

async function transformed(name: string, transform: Transform) {
  let changes = 0;
  const graphs = models.map(({ graph }) => {
    const editor = editGraph(graph);
    changes += transform(editor, graph);
    return editor.finish();
  });
  return { changes, after: await outputsOf(name, graphs) };
}

const base64 = (tensor: Tensor): string => Buffer.from(tensorToBytes(tensor)).toString('base64');

describe('encoder and decoder of the small SAM', () => {
  it.each([
    ['signs', signs, 13],
    ['powers-of-two', powers, 13],
    ['scales-moved', moving((j) => 2 ** (j - 3)), 12],
  ] as const)(
    '%s leave every output equal byte for byte',
    async (name, transform, expected) => {
      const { changes, after } = await transformed(name, transform);
      expect(changes).toBe(expected);
      expect([...after.keys()]).toEqual([...before.keys()]);
      for (const [output, tensor] of before) expect(base64(after.get(output)!) === base64(tensor), output).toBe(true);
    },
    300_000,
  );

  it.each([
    ['moved scales that are no powers of two', moving((j) => 1.7 ** (j - 3)), 12],
    ['centred keys', centred, 13],
    ['mixed queries and keys', mixedKeys, 13],
    ['centred and mixed values', mixedValues, 13],
    ['centred inputs', centredInputs, 68],
    ['lifted addends', liftedAddends, 3],
  ] as const)(
    '%s move every output by 1e-5 of its largest at most',
    async (name, transform, expected) => {
      const { changes, after } = await transformed(name.replace(/ /g, '-'), transform);
      expect(changes).toBe(expected);
      for (const [output, { data }] of before) {
        const [was, is] = [data as Float32Array, after.get(output)!.data as Float32Array];
        const largest = was.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const moved = was.reduce((most, value, i) => Math.max(most, Math.abs(value - is[i]!)), 0);
        expect(moved / largest, output).toBeLessThanOrEqual(1e-5);
      }
    },
    300_000,
  );
});
