import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** Added to the diagonal of second moments, as a share of its mean: what samples say of nearly still directions is noise. */
const DAMPING = 1e-3;

/** A change of basis of row vectors x [d] → x·to; what multiplies them follows by y → y·from, so that (x·to)·(y·from)ᵀ = x·yᵀ. */
export interface Basis {
  /** [d, d], row-major. */
  readonly to: Float64Array;
  /** The transposed inverse of `to`. */
  readonly from: Float64Array;
}

/** S^power of a symmetric positive definite S. */
function powerOf(s: Matrix, power: number): Matrix {
  const { realEigenvalues: values, eigenvectorMatrix: vectors } = new EigenvalueDecomposition(s, {
    assumeSymmetric: true,
  });
  const least = Math.max(...values) * 1e-12;
  return vectors.mmul(Matrix.diag(values.map((value) => Math.max(value, least) ** power))).mmul(vectors.transpose());
}

/** Hadamard's matrix over √d, which spreads every direction over all of them; the identity where d is no power of two. */
function evenRotation(d: number): Matrix {
  let h = Matrix.ones(1, 1);
  if (!Number.isInteger(Math.log2(d))) return Matrix.eye(d);
  while (h.rows < d) {
    const next = Matrix.zeros(2 * h.rows, 2 * h.rows);
    next.setSubMatrix(h, 0, 0).setSubMatrix(h, 0, h.rows).setSubMatrix(h, h.rows, 0);
    next.setSubMatrix(Matrix.mul(h, -1), h.rows, h.rows);
    h = next;
  }
  return h.div(Math.sqrt(d));
}

function damped(s: Float64Array, d: number): Matrix {
  const matrix = Matrix.from1DArray(d, d, Array.from(s));
  return matrix.add(Matrix.eye(d, d, (DAMPING * matrix.trace()) / d));
}

/**
 * The basis in which both operands of a product have the same second moments, equal in all directions: x and y are rows with
 * moments Sx, Sy [d, d]. Errors of one step in every channel of x̂ and of ŷ then do least harm together: of all bases
 * trace(Sx)·trace(Sy) is least, (Σ λ^½)² for the eigenvalues λ of Sx·Sy.
 */
export function balancingBasis(sx: Float64Array, sy: Float64Array, d: number): Basis | undefined {
  const [x, y] = [damped(sx, d), damped(sy, d)];
  if (!(x.trace() > 0) || !(y.trace() > 0)) return undefined;
  // With A = Sx^-½·U·Λ^½ and U Λ² Uᵀ = Sx^½·Sy·Sx^½: Aᵀ·Sx·A = A⁻¹·Sy·A⁻ᵀ = Λ.
  const [root, inverseRoot] = [powerOf(x, 0.5), powerOf(x, -0.5)];
  const product = root.mmul(y).mmul(root);
  const symmetric = Matrix.add(product, product.transpose()).mul(0.5);
  const { realEigenvalues: values, eigenvectorMatrix: u } = new EigenvalueDecomposition(symmetric, {
    assumeSymmetric: true,
  });
  const least = Math.max(...values) * 1e-12;
  const fourth = values.map((value) => Math.max(value, least) ** 0.25);
  const rotation = evenRotation(d);
  const to = inverseRoot.mmul(u).mmul(Matrix.diag(fourth)).mmul(rotation);
  const from = root
    .mmul(u)
    .mmul(Matrix.diag(fourth.map((value) => 1 / value)))
    .mmul(rotation);
  return { to: Float64Array.from(to.to1DArray()), from: Float64Array.from(from.to1DArray()) };
}

/** The basis scaled so that the rows whose moments are `sx` have a mean square of 1 in each direction. */
export function scaledBasis({ to, from }: Basis, sx: Float64Array, d: number): Basis {
  const [matrix, moments] = [to, sx].map((values) => Matrix.from1DArray(d, d, Array.from(values))) as [Matrix, Matrix];
  const scale = Math.sqrt(d / matrix.transpose().mmul(moments).mmul(matrix).trace());
  return Number.isFinite(scale) ? { to: to.map((x) => x * scale), from: from.map((x) => x / scale) } : { to, from };
}
