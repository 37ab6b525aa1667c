import type { Operator } from '../operator.js';
import { activations } from './activations.js';
import { attentions } from './attention.js';
import { convolutions } from './convolution.js';
import { einsums } from './einsum.js';
import { elementwise } from './elementwise.js';
import { generators } from './generators.js';
import { indexing } from './indexing.js';
import { matmuls } from './matmul.js';
import { movement } from './movement.js';
import { normalizations } from './normalization.js';
import { pools } from './pooling.js';
import { quantizations } from './quantization.js';
import { reductions } from './reduction.js';
import { resampling } from './resampling.js';

/** Every ONNX operator that can be imported, by its name in the default domain. */
export const operators: Readonly<Record<string, Operator>> = {
  ...elementwise,
  ...activations,
  ...movement,
  ...indexing,
  ...generators,
  ...reductions,
  ...matmuls,
  ...einsums,
  ...attentions,
  ...convolutions,
  ...pools,
  ...resampling,
  ...normalizations,
  ...quantizations,
};

const DATA_DEPENDENT = 'the shape of its result depends on data';
const CONTROL_FLOW = 'control flow is not compiled';
const RANDOM = 'a compiled program gives the same result for the same input';
const SEQUENCE = 'sequences are not tensors';
const STRINGS = 'strings are not supported';

/** Operators that are known and refused, with the reason. */
export const refused: Readonly<Record<string, string>> = {
  If: CONTROL_FLOW,
  Loop: CONTROL_FLOW,
  Scan: CONTROL_FLOW,
  NonZero: DATA_DEPENDENT,
  Unique: DATA_DEPENDENT,
  Compress: DATA_DEPENDENT,
  NonMaxSuppression: DATA_DEPENDENT,
  RandomNormal: RANDOM,
  RandomNormalLike: RANDOM,
  RandomUniform: RANDOM,
  RandomUniformLike: RANDOM,
  Multinomial: RANDOM,
  Bernoulli: RANDOM,
  SequenceAt: SEQUENCE,
  SequenceConstruct: SEQUENCE,
  SequenceEmpty: SEQUENCE,
  SequenceErase: SEQUENCE,
  SequenceInsert: SEQUENCE,
  SequenceLength: SEQUENCE,
  SequenceMap: SEQUENCE,
  SplitToSequence: SEQUENCE,
  ConcatFromSequence: SEQUENCE,
  Optional: SEQUENCE,
  OptionalGetElement: SEQUENCE,
  OptionalHasElement: SEQUENCE,
  StringConcat: STRINGS,
  StringNormalizer: STRINGS,
  StringSplit: STRINGS,
  RegexFullMatch: STRINGS,
  TfIdfVectorizer: STRINGS,
  Upsample: 'it was replaced by Resize in opset 10; export the model with opset 11 or later',
};
