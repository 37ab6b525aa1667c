/**
 * H = LLᵀ of a symmetric positive definite H, row-major [k, k]: L in the lower triangle of `h`, in place; false where H is not
 * positive definite.
 */
export function choleskyFactor(h: Float64Array, k: number): boolean {
  for (let j = 0; j < k; j++) {
    for (let p = 0; p <= j; p++) {
      let sum = h[j * k + p]!;
      for (let t = 0; t < p; t++) sum -= h[j * k + t]! * h[p * k + t]!;
      if (p < j) h[j * k + p] = sum / h[p * k + p]!;
      else if (sum > 0) h[j * k + j] = Math.sqrt(sum);
      else return false;
    }
  }
  return true;
}

/** Solves LLᵀx = b, in place of b, for L as `choleskyFactor` leaves it. */
export function choleskySolve(l: Float64Array, k: number, b: Float64Array): void {
  for (let i = 0; i < k; i++) {
    let sum = b[i]!;
    for (let t = 0; t < i; t++) sum -= l[i * k + t]! * b[t]!;
    b[i] = sum / l[i * k + i]!;
  }
  for (let i = k - 1; i >= 0; i--) {
    const x = b[i]! / l[i * k + i]!;
    b[i] = x;
    for (let t = 0; t < i; t++) b[t]! -= l[i * k + t]! * x;
  }
}

/**
 * The upper Cholesky factor U of H⁻¹ = UᵀU, row-major [k, k]; undefined where H is not positive definite.
 *
 * With rows and columns reversed (P), PHP = LLᵀ gives H⁻¹ = (PL⁻¹P)ᵀ(PL⁻¹P), and PL⁻¹P is upper triangular.
 */
export function inverseFactor(h: Float64Array, k: number): Float64Array | undefined {
  const factor = h.slice().reverse();
  if (!choleskyFactor(factor, k)) return undefined;
  // L⁻¹, lower triangle, row by row.
  const inverse = new Float64Array(k * k);
  for (let i = 0; i < k; i++) {
    const pivot = factor[i * k + i]!;
    inverse[i * k + i] = 1 / pivot;
    for (let t = 0; t < i; t++) {
      const share = factor[i * k + t]! / pivot;
      if (share !== 0) for (let j = 0; j <= t; j++) inverse[i * k + j]! -= share * inverse[t * k + j]!;
    }
  }
  return inverse.reverse();
}
