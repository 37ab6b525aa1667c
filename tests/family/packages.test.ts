import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { writeGraph } from '../../bench/family/graph.js';
import { familyMembers } from '../../bench/family/members.js';
import type { SamImage, SamPrompt } from '../../src/codegen/js-runtime/sam-arguments.js';
import { compile } from '../../src/compile.js';
import { buildPackage, openPackage } from '../../src/compiled-package.js';
import { evaluate } from '../../src/evaluate.js';
import { readPicture } from '../../src/image.js';
import { intersectionOverUnion } from '../../src/mask.js';
import { decodePrompt, encodePicture, openSam } from '../../src/sam-package.js';
import { hasMake, hasWasmCompiler, skipped } from '../bindings/emit.js';

/**
 * Compiled pairs that are no export of SAM's own: `eval` beside onnxruntime, and the class `Sam` of the JavaScript bindings
 * beside the native program.
 */
skipped('tests/family/packages.test.ts');
const runtime = await import('onnxruntime-node').catch(() => undefined);
if (runtime === undefined)
  console.warn('tests/family/packages: eval is not compared, onnxruntime-node is not installed');
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-family-packages-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const scenes = fileURLToPath(new URL('../../examples/scenes/evaluation/', import.meta.url));
const members = familyMembers('tiny');

const PROMPTS = [
  { image: '000.png', mask: '000-mask0.png', points: [[80, 175]], labels: [1] },
  {
    image: '001.png',
    mask: '001-mask1.png',
    points: [
      [62.5, 0],
      [105.6, 73.9],
    ],
    labels: [2, 3],
  }, // prettier-ignore
];
const prompts = join(scratch, 'prompts.json');
writeFileSync(prompts, JSON.stringify(PROMPTS));

const fileOf = (name: string): string => {
  const member = members.find((candidate) => candidate.name.startsWith(name))!;
  const file = join(scratch, `${member.name.replace(/\W+/g, '-')}.onnx`);
  writeGraph(file, member.opset, member.build);
  return file;
};

/** What the generated package exports, as far as it does not depend on the model's types. */
interface Segmentation {
  readonly masks: readonly Uint8Array[];
  readonly iou: Float32Array;
  readonly lowResMasks: readonly Float32Array[];
}
interface Session {
  readonly encode: (image: SamImage) => Promise<{ readonly features: Readonly<Record<string, unknown>> }>;
  readonly segment: (prompt: SamPrompt<never>) => Promise<Segmentation>;
  readonly dispose: () => void;
}
interface SamModule {
  readonly Sam: { readonly load: () => Promise<Session> };
}

const square = { min: 96, max: 96 };

describe.skipIf(!hasMake).each([
  { encoder: 'Hugging Face vision', decoder: 'Hugging Face prompt', features: 2, dims: {} },
  { encoder: 'SAM 2 encoder', decoder: 'SAM 2 decoder', features: 3, dims: {} },
  {
    encoder: 'EfficientSAM-Ti',
    decoder: 'EfficientSAM decoder',
    features: 1,
    dims: { height: square, width: square, num_points: { min: 1, max: 6 } },
  },
  { encoder: 'EdgeSAM encoder', decoder: 'EdgeSAM decoder', features: 1, dims: {} },
])('$encoder with $decoder, compiled', ({ features, dims, ...names }) => {
  it('is evaluated, and answers prompts in JavaScript as it does natively', async () => {
    const outDir = mkdtempSync(join(scratch, 'package-'));
    const reference = { encoder: fileOf(names.encoder), decoder: fileOf(names.decoder) };
    await compile([reference.encoder, reference.decoder], { outDir, bits: 'f32', target: 'c99', dims, name: 'pair' });
    // Built for speed of building; eval finds it up to date.
    await buildPackage(await openPackage(outDir), '-std=c11 -O0 -ffp-contract=off -w');

    const result = await evaluate(outDir, { images: scenes, prompts, ...(runtime && { reference }) });
    expect(result.prompts).toBe(PROMPTS.length);
    if (runtime !== undefined) {
      expect(result.agreement).toBeGreaterThan(0.99);
      expect(result.miou).toBeCloseTo(result.miou_reference!, 2);
      expect(result.miou_oracle).toBeCloseTo(result.miou_oracle_reference!, 2);
    }

    if (!hasWasmCompiler) return;
    const native = await openSam(outDir);
    const { Sam } = (await import(pathToFileURL(join(outDir, 'js', 'index.js')).href)) as SamModule;
    const sam = await Sam.load();
    const picture = await readPicture(join(scenes, '001.png'));
    const { width, height, rgb } = picture;
    const embedding = await sam.encode({ width, height, data: rgb });
    expect(Object.keys(embedding.features)).toHaveLength(features);
    const encoded = await encodePicture(native, picture, scratch, {});
    for (const [given, same] of [
      [{ points: [[80, 175]] }, { points: [[80, 175]], labels: [1] }],
      [
        { box: [20, 30, 90, 70] },
        {
          points: [
            [20, 30],
            [90, 70],
          ],
          labels: [2, 3],
        },
      ], // prettier-ignore
    ] as const) {
      const prompt = { image: '001.png', points: same.points.map(([x, y]) => [x, y] as const), labels: same.labels };
      const expected = await decodePrompt(native, encoded, picture, prompt, scratch, {});
      const answer = await sam.segment(given as unknown as SamPrompt<never>);
      expect(answer.masks).toHaveLength(expected.masks.length);
      answer.masks.forEach((inside, i) => {
        expect(intersectionOverUnion({ width, height, inside }, expected.masks[i]!)).toBeGreaterThan(0.99);
        expect(answer.iou[i]).toBeCloseTo(expected.predictedIou[i]!, 3);
      });
    }
    sam.dispose();
  }, 300_000);
});
