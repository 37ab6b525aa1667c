import type { BitBound } from './calibrate/choose-bits.js';
import { CLIP_MODES, type ClipMode } from './calibrate/choose-clips.js';
import { SOFTMAX_MODES, type SoftmaxMode } from './calibrate/choose-softmax-granularity.js';
import { KEY_MODES, type KeyMode } from './calibrate/key-transforms.js';
import { OBSERVERS, type Observer } from './calibrate/observers.js';
import { STEP_MODES, type StepMode } from './calibrate/precision.js';
import {
  OFFSET_MODES,
  type OffsetMode,
  ROUNDING_MODES,
  type RoundingMode,
  SCALE_MODES,
  type ScaleMode,
  VALUE_MODES,
  type ValueMode,
} from './calibrate/quantize-program.js';
import type { PackageOptions } from './codegen/emit-package.js';
import { TARGET_NAMES, type TargetName } from './codegen/targets.js';
import type { Bounds } from './ir/scalar.js';
import type { Tensor } from './ir/types.js';
import { UserError } from './user-error.js';

/** `auto`: each layer the bits that a bound asks for. */
export type Bits = Exclude<PackageOptions['bits'], 'mixed'> | 'auto';

/** Bits of weights and of activations; f32 is not quantized, and `auto` has none of its own. */
export const BITS: { readonly [B in Bits]: { readonly weights: number; readonly activations: number } | undefined } = {
  f32: undefined,
  w8a8: { weights: 8, activations: 8 },
  w6a6: { weights: 6, activations: 6 },
  w4a4: { weights: 4, activations: 4 },
  auto: undefined,
};
export const BIT_NAMES = Object.keys(BITS) as readonly Bits[];
export const TARGET_CHOICES = ['host', ...TARGET_NAMES] as const;
export {
  CLIP_MODES,
  KEY_MODES,
  OBSERVERS,
  OFFSET_MODES,
  ROUNDING_MODES,
  SCALE_MODES,
  SOFTMAX_MODES,
  STEP_MODES,
  VALUE_MODES,
};

export interface CompileOptions {
  /** Folder of the package: new, empty, or holding a package that is to be replaced. */
  readonly outDir: string;
  /** Default w8a8. */
  readonly bits?: Bits;
  /** What `bits: 'auto'` has to keep, and no other may have. */
  readonly bound?: BitBound;
  /** Default `host`: the best for the machine that compiles. */
  readonly target?: TargetName | 'host';
  /** Folder of pictures, or of .npz files keyed by input name; default: the scenes that ship with sam-qc. */
  readonly calibration?: string;
  readonly keys?: KeyMode;
  /** Below 8 bits; default `auto`. */
  readonly values?: ValueMode;
  /** Default `auto`. */
  readonly scales?: ScaleMode;
  /** Below 8 bits; default `auto`. */
  readonly offsets?: OffsetMode;
  /** Default `none`. */
  readonly clip?: ClipMode;
  /** Below 8 bits; default `second-order`. */
  readonly rounding?: RoundingMode;
  readonly softmax?: SoftmaxMode;
  readonly observer?: Observer;
  /** Of codes below 8 bits; default `auto`. */
  readonly steps?: StepMode;
  /** Bounds of symbolic dimensions, and of the elements of small inputs that decide sizes, by name. */
  readonly dims?: Readonly<Record<string, Bounds>>;
  /** Inputs that become constants. */
  readonly freeze?: ReadonlyMap<string, Tensor>;
  /** Name of the model in C; with several models, what their names begin with. */
  readonly name?: string;
  /** Whether to write the JavaScript bindings, `<outDir>/js`; default true. */
  readonly js?: boolean;
  /** Passes after which `onDump` gets the program as text. */
  readonly dumpAfter?: readonly string[];
  readonly onDump?: (model: string, pass: string, text: string) => void;
  /** After every pass of every model, with the number of nodes that it left. */
  readonly onPass?: (model: string, pass: string, nodes: number) => void;
  /** `done` of `total` parts of the step `label`. */
  readonly onProgress?: (label: string, done: number, total: number) => void;
}

/** @throws UserError for widths that there is no arithmetic for */
export function parseBits(text: string): Bits {
  const bits = BIT_NAMES.find((name) => name === text);
  if (bits === undefined) throw new UserError(`--bits ${text}: not supported; choose ${BIT_NAMES.join(', ')}`);
  return bits;
}

/** @throws UserError where `auto` has no bound, other bits have one, or it is none */
export function checkBound(bits: Bits, bound: BitBound | undefined): void {
  if (bits !== 'auto') {
    if (bound !== undefined) throw new UserError(`bits ${bits} take no bound: that is for bits auto`);
    return;
  }
  if (bound === undefined) throw new UserError('bits auto need a bound: the most drop, or the most bytes');
  const [value, most] = 'maxDrop' in bound ? [bound.maxDrop, 1] : [bound.maxBytes, Number.POSITIVE_INFINITY];
  if (!(value > 0 && value < most)) throw new UserError(`a bound of ${value} cannot be kept by bits auto`);
}
