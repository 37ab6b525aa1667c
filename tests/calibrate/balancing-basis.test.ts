import { Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { balancingBasis, scaledBasis } from '../../src/calibrate/balancing-basis.js';

const matrix = (values: ArrayLike<number>, d: number): Matrix => Matrix.from1DArray(d, d, Array.from(values));
const array = (m: Matrix): Float64Array => Float64Array.from(m.to1DArray());

/** XᵀX of rows of no pattern, its directions of very different size. */
function moments(d: number, seed: number, largest = 5): Matrix {
  const rows = new Matrix(4 * d, d);
  for (let i = 0; i < rows.rows; i++)
    for (let j = 0; j < d; j++) rows.set(i, j, Math.sin(seed + i * 12.9898 + j * 78.233) * 2 ** (j % largest));
  return rows.transpose().mmul(rows);
}

describe('balancingBasis', () => {
  it.each([4, 8, 12, 16])('of %d channels has an inverse, and gives both operands the same moments', (d) => {
    const [x, y] = [moments(d, 1), moments(d, 2, 3)];
    const basis = balancingBasis(array(x), array(y), d)!;
    const [to, from] = [matrix(basis.to, d), matrix(basis.from, d)];
    expect(Matrix.sub(to.mmul(from.transpose()), Matrix.eye(d)).norm()).toBeLessThan(1e-9);
    const [sx, sy] = [to.transpose().mmul(x).mmul(to), from.transpose().mmul(y).mmul(from)];
    expect(sx.trace() / sy.trace()).toBeCloseTo(1, 1);
    // What it is for: the product of the traces bounds the error of a product of codes.
    expect(sx.trace() * sy.trace()).toBeLessThan(0.9 * x.trace() * y.trace());
    // A rotation spreads them over all directions where there is one.
    if (Number.isInteger(Math.log2(d))) {
      const diagonal = sx.diag();
      expect(Math.max(...diagonal) / Math.min(...diagonal)).toBeLessThan(1.1);
    }
  });
  it('takes directions that never move', () => {
    const still = Matrix.diag([4, 0, 1, 0]);
    const { to, from } = balancingBasis(array(still), array(Matrix.eye(4)), 4)!;
    expect([...to, ...from].every(Number.isFinite)).toBe(true);
    expect(Matrix.sub(matrix(to, 4).mmul(matrix(from, 4).transpose()), Matrix.eye(4)).norm()).toBeLessThan(1e-9);
  });
  it('is none for operands that are zero', () => {
    expect(balancingBasis(new Float64Array(16), array(Matrix.eye(4)), 4)).toBeUndefined();
  });
});

describe('scaledBasis', () => {
  it('gives the rows a mean square of 1', () => {
    const x = moments(8, 3);
    const basis = scaledBasis(balancingBasis(array(x), array(moments(8, 4)), 8)!, array(x), 8);
    const to = matrix(basis.to, 8);
    expect(to.transpose().mmul(x).mmul(to).trace()).toBeCloseTo(8, 6);
    expect(Matrix.sub(to.mmul(matrix(basis.from, 8).transpose()), Matrix.eye(8)).norm()).toBeLessThan(1e-9);
  });
});
