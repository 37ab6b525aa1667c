import { expect, it } from 'vitest';
import { compareOutputs, type Outputs, otherChoicesInWords } from '../../bench/family/compare-outputs.js';
import { f32 } from '../../bench/family/feeds.js';

const tensor = (shape: readonly number[], ...values: readonly number[]) => f32(shape, Float32Array.from(values));
/** Of one mask of two pixels, with its score. */
const chosen = (mask: readonly number[], score: number): Outputs =>
  new Map([
    ['masks', tensor([1, 1, 1, 2], ...mask)],
    ['iou_predictions', tensor([1, 1], score)],
    ['object_score_logits', tensor([1, 1], 5)],
  ]);
const candidates: Outputs = new Map([
  ['masks', tensor([1, 2, 1, 2], 10, -10, 10, 10)],
  ['iou_predictions', tensor([1, 2], 0.5, 0.4)],
  ['object_score_logits', tensor([1, 1], 5)],
]);
const expected = chosen([10, -10], 0.5);

it('compares a mask with the one that it is, and lists choices that are not the reference’s', () => {
  const { outputs, otherChoices } = compareOutputs([
    { expected, candidates, found: chosen([11, -10], 0.5) },
    { expected, candidates, found: chosen([10, 9], 0.6) },
  ]);
  expect(outputs.get('masks')!.decibels).toBeCloseTo(10 * Math.log10(400 / 2), 5);
  expect(outputs.get('iou_predictions')!.relative).toBeCloseTo(0.2 / 0.4, 5);
  expect(outputs.get('object_score_logits')!.decibels).toBe(Number.POSITIVE_INFINITY);
  expect(otherChoices).toEqual([{ sample: 1, score: expect.closeTo(0.4, 5), best: 0.5 }]);
  expect(otherChoicesInWords(otherChoices, 2)).toContain('1 of 2 prompts (IoU by onnxruntime 0.40 instead of 0.50)');
});

it('counts another mask as noise where no candidates are given', () => {
  const { outputs, otherChoices } = compareOutputs([{ expected, found: chosen([10, 10], 0.4) }]);
  expect(otherChoices).toEqual([]);
  expect(otherChoicesInWords(otherChoices, 1)).toBe('');
  expect(outputs.get('masks')!.decibels).toBeCloseTo(10 * Math.log10(200 / 400), 5);
});

it('counts what is no candidate as noise of the nearest', () => {
  const { outputs } = compareOutputs([{ expected, candidates, found: chosen([-10, -10], 0.5) }]);
  expect(outputs.get('masks')!.decibels).toBeLessThan(0);
});

it('refuses outputs of another shape', () => {
  const found = new Map([...expected, ['object_score_logits', tensor([1, 2], 5, 5)] as const]);
  expect(() => compareOutputs([{ expected, found }])).toThrow('object_score_logits: shape 1,2, not 1,1');
});
