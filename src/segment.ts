import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { readPicture } from './image.js';
import { writeMask } from './mask.js';
import { writeOverlay } from './overlay.js';
import type { Prompt } from './prompts.js';
import { bestCandidate, decodePrompt, encodePicture, openSam } from './sam-package.js';
import { withTemporaryFolder } from './temporary-folder.js';

export interface SegmentOptions {
  readonly threads?: number;
  /** Path of the mask; the overlay lies beside it. */
  readonly mask: string;
}

export interface SegmentResult {
  readonly mask: string;
  readonly overlay: string;
  /** Of the mask that was written, and of all candidates. */
  readonly predictedIou: number;
  readonly candidates: readonly number[];
  /** Share of the picture inside the mask. */
  readonly area: number;
  readonly encoderMs: number;
  readonly decoderMs: number;
}

/** `mask.png` → `mask-overlay.png`; the overlay is a PNG whatever the mask is. */
export const overlayPath = (mask: string): string =>
  `${extname(mask) === '' ? mask : mask.slice(0, -extname(mask).length)}-overlay.png`;

/** Cuts one object out of a picture with a compiled pair of models, and writes its mask and a picture of it. */
export async function segmentPicture(
  folder: string,
  image: string,
  prompt: Pick<Prompt, 'points' | 'labels'>,
  { threads = 1, mask: maskPath }: SegmentOptions,
): Promise<SegmentResult> {
  const picture = await readPicture(image);
  const sam = await openSam(folder);
  return withTemporaryFolder(join(tmpdir(), 'sam-qc-segment-'), async (scratch) => {
    const encoded = await encodePicture(sam, picture, scratch, { threads });
    const { masks, predictedIou, ms } = await decodePrompt(sam, encoded, picture, prompt, scratch, { threads });
    const best = bestCandidate(predictedIou);
    const mask = masks[best]!;
    const overlay = overlayPath(maskPath);
    await writeMask(maskPath, mask);
    await writeOverlay(overlay, picture, mask, prompt);
    return {
      mask: maskPath,
      overlay,
      predictedIou: predictedIou[best]!,
      candidates: [...predictedIou],
      area: mask.inside.reduce((sum, inside) => sum + inside, 0) / mask.inside.length,
      encoderMs: encoded.ms,
      decoderMs: ms,
    };
  });
}
