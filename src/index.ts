/** The compiler as a library: what the command line does, and the pieces of the method by themselves. */

export type { Bimodality, DensityPeak } from './calibrate/detect-bimodality.js';
export { detectBimodality } from './calibrate/detect-bimodality.js';
export type { AttentionShape, GranularitySearch, SoftmaxGranularity } from './calibrate/search-softmax-granularity.js';
export { searchSoftmaxGranularity } from './calibrate/search-softmax-granularity.js';
export type { Manifest, ManifestModel, ManifestTensor } from './codegen/emit-package.js';
export type { CompiledModels } from './compile.js';
export { compile } from './compile.js';
export type { EvaluateOptions, Evaluation } from './evaluate.js';
export { evaluate } from './evaluate.js';
export type { InspectedAttention, InspectedTensor, Inspection } from './inspect.js';
export { inspect } from './inspect.js';
export { ModelError } from './ir/onnx/model-error.js';
export type { Bounds } from './ir/scalar.js';
export type { DType, Tensor } from './ir/types.js';
export type { Bits, CompileOptions } from './options.js';
export type { SegmentOptions, SegmentResult } from './segment.js';
export { segmentPicture } from './segment.js';
export { UserError } from './user-error.js';
export type { Verification, VerifiedOutput, VerifyOptions } from './verify-model.js';
export { verify } from './verify-model.js';
