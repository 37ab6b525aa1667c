import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPicture } from './image.js';
import { intersectionOverUnion, type Mask, readMask } from './mask.js';
import { type PromptWithMask, readPromptsWithMasks } from './prompts.js';
import { openReference } from './reference.js';
import { bestCandidate, decodePrompt, encodePicture, openSam, type Segmentation } from './sam-package.js';
import { withTemporaryFolder } from './temporary-folder.js';
import { UserError } from './user-error.js';

export interface EvaluateOptions {
  /** Folder of the pictures and masks that the prompts name. */
  readonly images: string;
  /** prompts.json, with masks. */
  readonly prompts: string;
  /** ONNX files of encoder and decoder to compare with, run by onnxruntime-node. */
  readonly reference?: { readonly encoder: string; readonly decoder: string };
  readonly threads?: number;
  readonly onProgress?: (label: string, done: number, total: number) => void;
}

/** Means over the prompts. */
export interface Evaluation {
  readonly prompts: number;
  /** IoU with the true mask, of the candidate with the highest predicted IoU. */
  readonly miou: number;
  /** The same of the best of the candidates. */
  readonly miou_oracle: number;
  /** IoU of the reference's candidate with the true mask. */
  readonly miou_reference?: number;
  readonly miou_oracle_reference?: number;
  /** IoU of our candidate with the reference's. */
  readonly agreement?: number;
}

/** Segments by every prompt and compares the masks with the true ones, and with those of a reference. */
export async function evaluate(folder: string, options: EvaluateOptions): Promise<Evaluation> {
  const prompts = await readPromptsWithMasks(options.prompts, options.images);
  const sam = await openSam(folder);
  const reference =
    options.reference &&
    (await openReference(options.reference, { encoder: sam.encoder.face, decoder: sam.decoder.face }));
  const sums = { own: 0, oracle: 0, reference: 0, referenceOracle: 0, agreement: 0 };
  let done = 0;
  await withTemporaryFolder(join(tmpdir(), 'sam-qc-eval-'), async (scratch) => {
    for (const [image, group] of byImage(prompts)) {
      const picture = await readPicture(image);
      const encoded = await encodePicture(sam, picture, scratch, options);
      const decode = await reference?.encode(picture);
      for (const prompt of group) {
        const truth = await readMask(prompt.mask);
        if (truth.width !== picture.width || truth.height !== picture.height)
          throw new UserError(
            `${prompt.mask}: ${truth.width} × ${truth.height} pixels, but its picture has ${picture.width} × ${picture.height}`,
          );
        const own = score(await decodePrompt(sam, encoded, picture, prompt, scratch, options), truth);
        sums.own += own.iou;
        sums.oracle += own.oracle;
        if (decode) {
          const other = score(await decode(prompt), truth);
          sums.reference += other.iou;
          sums.referenceOracle += other.oracle;
          sums.agreement += intersectionOverUnion(own.mask, other.mask);
        }
        options.onProgress?.('prompts', ++done, prompts.length);
      }
    }
  });
  const n = prompts.length;
  return {
    prompts: n,
    miou: sums.own / n,
    miou_oracle: sums.oracle / n,
    ...(reference && {
      miou_reference: sums.reference / n,
      miou_oracle_reference: sums.referenceOracle / n,
      agreement: sums.agreement / n,
    }),
  };
}

/** Prompts by picture, so that each picture is encoded once. */
function byImage(prompts: readonly PromptWithMask[]): ReadonlyMap<string, readonly PromptWithMask[]> {
  const groups = new Map<string, PromptWithMask[]>();
  for (const prompt of prompts) groups.set(prompt.image, [...(groups.get(prompt.image) ?? []), prompt]);
  return groups;
}

function score(
  { masks, predictedIou }: Omit<Segmentation, 'ms'>,
  truth: Mask,
): { readonly mask: Mask; readonly iou: number; readonly oracle: number } {
  const ious = masks.map((mask) => intersectionOverUnion(mask, truth));
  const best = bestCandidate(predictedIou);
  return { mask: masks[best]!, iou: ious[best]!, oracle: Math.max(...ious) };
}
