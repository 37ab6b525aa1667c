import { isFloat, type Tensor } from './ir/types.js';

/** Differences that count as none: |found − expected| ≤ absolute + relative·|expected|. */
export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/**
 * Those of ONNX's own test runner. Integers and bool must be equal; bfloat16 may differ in its last place, because some of the
 * ONNX project's data was made by truncation.
 */
export const ONNX_TOLERANCE: Tolerance = { relative: 1e-3, absolute: 1e-7 };

export interface Comparison {
  /** Why the tensors differ; undefined where they agree. */
  readonly problem: string | undefined;
  /** Greatest |found − expected| over finite elements. */
  readonly maxError: number;
  /** Greatest finite |expected|. */
  readonly maxExpected: number;
}

const BF16_LAST_PLACE = 2 ** -7;

function toleranceFor(dtype: Tensor['dtype'], { relative, absolute }: Tolerance): Tolerance {
  if (dtype === 'bf16') return { relative: Math.max(relative, BF16_LAST_PLACE), absolute };
  return isFloat(dtype) ? { relative, absolute } : { relative: 0, absolute: 0 };
}

/** Compares element by element; NaN equals NaN, and an infinity only itself. */
export function compareTensors(expected: Tensor, found: Tensor, tolerance: Tolerance = ONNX_TOLERANCE): Comparison {
  const differ = (problem: string): Comparison => ({ problem, maxError: Number.POSITIVE_INFINITY, maxExpected: 0 });
  if (expected.dtype !== found.dtype) return differ(`has type ${found.dtype}, expected ${expected.dtype}`);
  if (expected.shape.length !== found.shape.length || expected.shape.some((dim, i) => dim !== found.shape[i]))
    return differ(`has shape [${found.shape.join(', ')}], expected [${expected.shape.join(', ')}]`);
  const { relative, absolute } = toleranceFor(expected.dtype, tolerance);
  let maxError = 0;
  let maxExpected = 0;
  let wrong = 0;
  let first = -1;
  for (let i = 0; i < expected.data.length; i++) {
    if (expected.data[i] === found.data[i]) {
      maxExpected = Math.max(maxExpected, finite(Number(expected.data[i])));
      continue;
    }
    const [e, f] = [Number(expected.data[i]), Number(found.data[i])];
    if (Number.isNaN(e) && Number.isNaN(f)) continue;
    const error = Math.abs(f - e);
    maxExpected = Math.max(maxExpected, finite(e));
    maxError = Math.max(maxError, finite(error));
    if (Number.isFinite(error) && error > 0 && error <= absolute + relative * Math.abs(e)) continue;
    if (first < 0) first = i;
    wrong++;
  }
  const problem =
    wrong === 0
      ? undefined
      : `differs in ${wrong} of ${expected.data.length} elements, first at ${first}: ${found.data[first]}, expected ${expected.data[first]}; greatest difference ${maxError}`;
  return { problem, maxError, maxExpected };
}

const finite = (x: number): number => (Number.isFinite(x) ? Math.abs(x) : 0);
