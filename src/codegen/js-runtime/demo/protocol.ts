/** What the page asks of the worker, and what it is told. */
import type { Point } from '../../../prepare-image.js';

export interface PagePrompt {
  readonly points: readonly Point[];
  readonly labels: readonly (0 | 1)[];
  readonly box?: readonly [number, number, number, number];
}

export type Request =
  | { readonly id: number; readonly kind: 'load' }
  | {
      readonly id: number;
      readonly kind: 'encode';
      readonly image: { readonly data: Uint8ClampedArray; readonly width: number; readonly height: number };
    }
  | { readonly id: number; readonly kind: 'segment'; readonly prompt: PagePrompt };

/** The best candidate. */
export interface MaskAnswer {
  readonly mask: Uint8Array;
  readonly iou: number;
  readonly milliseconds: number;
}

export type Answer =
  | { readonly id: number; readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly id: number; readonly kind: 'error'; readonly message: string }
  | { readonly id: number; readonly kind: 'loaded' }
  | { readonly id: number; readonly kind: 'encoded'; readonly milliseconds: number }
  | ({ readonly id: number; readonly kind: 'segmented' } & MaskAnswer);
