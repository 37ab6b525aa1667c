import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { writeGraph } from '../../bench/family/graph.js';
import { familyMembers } from '../../bench/family/members.js';
import { canonicalGraph } from '../../src/canonical-graph.js';
import { compile } from '../../src/compile.js';
import { prepareImage, readPicture } from '../../src/image.js';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import type { Bounds } from '../../src/ir/scalar.js';
import type { Tensor } from '../../src/ir/types.js';
import { intersectionOverUnion } from '../../src/mask.js';
import { openReference } from '../../src/reference.js';
import { describeSam } from '../../src/sam.js';
import { missingFeatures, promptInputs } from '../../src/sam-interface.js';
import { segmentationOf } from '../../src/sam-package.js';
import { segmentPicture } from '../../src/segment.js';
import { openSource } from '../../src/source-model.js';

/** Pairs of the family by what they call things and how they frame a picture: prompts go in, masks of the picture come out. */
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-family-segment-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const runtime = await import('onnxruntime-node').catch(() => undefined);
if (runtime === undefined) console.warn('tests/family/segment: onnxruntime-node is not installed, nothing is compared');
const members = familyMembers('tiny');
const scene = fileURLToPath(new URL('../../examples/scenes/evaluation/001.png', import.meta.url));

const fileOf = (name: string): string => {
  const member = members.find((candidate) => candidate.name.startsWith(name))!;
  const file = join(scratch, `${member.name.replace(/\W+/g, '-')}.onnx`);
  writeGraph(file, member.opset, member.build);
  return file;
};
const load = async (name: string, dims: Readonly<Record<string, Bounds>> = {}) => {
  const file = fileOf(name);
  const graph = canonicalGraph(await openSource(file), { dims });
  return { file, graph, sam: describeSam(graph) };
};
const square = { min: 96, max: 96 };
const PROMPTS = [
  { points: [[30, 40] as const], labels: [1 as const] },
  { points: [[20, 30] as const, [90, 70] as const], labels: [2 as const, 3 as const] },
];

describe.each([
  { encoder: 'SlimSAM', decoder: 'SAM decoder, opset 11', frame: 'padded', dims: {} },
  { encoder: 'RepViT-SAM', decoder: 'EdgeSAM decoder', frame: 'padded', dims: {} },
  { encoder: 'Hugging Face vision', decoder: 'Hugging Face prompt', frame: 'padded', dims: {} },
  { encoder: 'SAM 2 encoder', decoder: 'SAM 2 decoder', frame: 'stretched', dims: {} },
  {
    encoder: 'EfficientSAM-Ti',
    decoder: 'EfficientSAM decoder',
    frame: 'picture',
    dims: { height: square, width: square, num_points: { min: 1, max: 6 } },
  },
])('$encoder with $decoder', ({ frame, dims, ...names }) => {
  it.skipIf(runtime === undefined)(
    'answers prompts as onnxruntime does, over the picture',
    async () => {
      const [encoder, decoder] = [await load(names.encoder, dims), await load(names.decoder, dims)];
      if (encoder.sam.role !== 'encoder' || decoder.sam.role !== 'decoder') throw new Error('they are not recognised');
      expect(decoder.sam.frame).toBe(frame);
      expect(missingFeatures(encoder.sam, decoder.sam)).toEqual([]);
      const picture = await readPicture(scene);
      const faces = { encoder: encoder.sam, decoder: decoder.sam };
      const decode = await (await openReference({ encoder: encoder.file, decoder: decoder.file }, faces)).encode(
        picture,
      );
      const { side, framing, image } = encoder.sam;
      const pixels: Tensor = {
        dtype: 'f32',
        shape: [1, 3, side, side],
        data: prepareImage(picture, side, framing).tensor,
      };
      const features = evaluateGraph(encoder.graph, new Map([[image, pixels]]));
      for (const prompt of PROMPTS) {
        const given = promptInputs(decoder.sam, prompt, picture);
        const outputs = evaluateGraph(decoder.graph, new Map<string, Tensor>([...features, ...given]));
        const own = segmentationOf(decoder.sam, outputs, picture, 'ours');
        const expected = await decode(prompt);
        expect(own.masks).toHaveLength(expected.masks.length);
        own.masks.forEach((mask, i) => {
          expect([mask.width, mask.height]).toEqual([picture.width, picture.height]);
          expect(intersectionOverUnion(mask, expected.masks[i]!)).toBeGreaterThan(0.99);
          expect(own.predictedIou[i]).toBeCloseTo(expected.predictedIou[i]!, 3);
        });
      }
    },
    300_000,
  );
});

it('segments with a compiled pair of Hugging Face models', async () => {
  const outDir = join(scratch, 'package');
  await compile([fileOf('Hugging Face vision'), fileOf('Hugging Face prompt')], { outDir, bits: 'f32', js: false });
  const mask = join(scratch, 'mask.png');
  const { candidates, area } = await segmentPicture(outDir, scene, PROMPTS[0]!, { mask });
  expect(candidates).toHaveLength(3);
  expect(area).toBeGreaterThan(0);
  await expect(
    segmentPicture(outDir, scene, { points: new Array(17).fill([1, 1]), labels: new Array(17).fill(1) }, { mask }),
  ).rejects.toThrow('--dim nb_points_per_image=1..17');
}, 300_000);

it('says what a decoder lacks', async () => {
  const [encoder, decoder] = [await load('SlimSAM'), await load('HQ-SAM')];
  if (encoder.sam.role !== 'encoder' || decoder.sam.role !== 'decoder') throw new Error('they are not recognised');
  expect(missingFeatures(encoder.sam, decoder.sam)).toEqual(['interm_embeddings']);
});
