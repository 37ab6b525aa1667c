import { describe, expect, it } from 'vitest';
import { symbol } from '../../../src/ir/scalar.js';
import type { Tensor, TensorType } from '../../../src/ir/types.js';
import { inferOp, random, runOp, tensor } from './run-op.js';

const [HEADS, C, CV, SCALE] = [2, 4, 3, 0.5] as const;
const f32 = (...shape: TensorType['shape']): TensorType => ({ dtype: 'f32', shape });

/** [b, t, heads·c] → [b, heads, t, c] by the movement ops. */
function split(x: Tensor, channels: number): Tensor {
  const [b, t] = x.shape as [number, number];
  const [apart] = runOp('reshape', [x], { shape: [b, t, HEADS, channels] });
  return runOp('transpose', [apart], { perm: [0, 2, 1, 3] })[0]!;
}

/** The same function from the small ops; `logitsOf` adds terms to the scaled products. */
function composed(q: Tensor, k: Tensor, v: Tensor, terms: readonly Tensor[]): Tensor {
  const [b, m] = q.shape as [number, number];
  const [keys] = runOp('transpose', [split(k, C)], { perm: [0, 1, 3, 2] });
  const [products] = runOp('matmul', [split(q, C), keys], {});
  const [scaled] = runOp('binary', [products, tensor('f32', [], [SCALE])], { fn: 'mul' });
  const logits = terms.reduce((sum, term) => runOp('binary', [sum, term], { fn: 'add' })[0]!, scaled!);
  const [weights] = runOp('softmax', [logits], { axis: 3, log: false });
  const [heads] = runOp('matmul', [weights, split(v, CV)], {});
  const [tokens] = runOp('transpose', [heads], { perm: [0, 2, 1, 3] });
  return runOp('reshape', [tokens], { shape: [b, m, HEADS * CV] })[0]!;
}

function expectClose(found: Tensor | undefined, expected: Tensor | undefined): void {
  expect(found?.shape).toEqual(expected?.shape);
  Array.from(expected!.data, Number).forEach((y, i) => {
    expect(Math.abs(Number(found!.data[i]) - y)).toBeLessThan(2e-6);
  });
}

const tokens = (b: number, t: number, channels: number, seed: number): Tensor =>
  random('f32', [b, t, HEADS * channels], seed);

describe('attention', () => {
  it('equals the composition of matmul and softmax, with a broadcast bias', () => {
    const [q, k, v] = [tokens(2, 5, C, 1), tokens(2, 70, C, 2), tokens(2, 70, CV, 3)];
    const bias = random('f32', [2, 1, 5, 70], 4);
    const attrs = { heads: HEADS, scale: SCALE };
    expectClose(runOp('attention', [q, k, v], attrs)[0], composed(q, k, v, []));
    expectClose(runOp('attention', [q, k, v, bias], attrs)[0], composed(q, k, v, [bias]));
  });

  /** q·rel_height[y(i), ky(j)] + q·rel_width[x(i), kx(j)] as a bias [b, heads, m, n]. */
  function relativeBias(q: Tensor, height: Tensor, width: Tensor): Tensor {
    const [b, m] = q.shape as [number, number];
    const [, kh] = height.shape as [number, number];
    const [qw, kw] = width.shape as [number, number];
    const n = kh * kw;
    const values: number[] = [];
    for (let item = 0; item < b; item++)
      for (let h = 0; h < HEADS; h++)
        for (let i = 0; i < m; i++)
          for (let j = 0; j < n; j++) {
            const dot = (table: Tensor, row: number): number => {
              let sum = 0;
              for (let c = 0; c < C; c++)
                sum += Number(q.data[(item * m + i) * HEADS * C + h * C + c]) * Number(table.data[row * C + c]);
              return sum;
            };
            values.push(
              dot(height, Math.floor(i / qw) * kh + Math.floor(j / kw)) + dot(width, (i % qw) * kw + (j % kw)),
            );
          }
    return tensor('f32', [b, HEADS, m, n], values);
  }

  it('adds the relative terms of the unscaled queries', () => {
    const [q, k, v] = [tokens(1, 6, C, 1), tokens(1, 12, C, 2), tokens(1, 12, CV, 3)];
    const [height, width] = [random('f32', [2, 4, C], 5), random('f32', [3, 3, C], 6)];
    const found = runOp('attention', [q, k, v, undefined, height, width], { heads: HEADS, scale: SCALE })[0];
    expectClose(found, composed(q, k, v, [relativeBias(q, height, width)]));
  });

  /** Tokens of a grid to windows padded with `padding`, as SAM does it: pad, reshape, transpose. */
  function partition(
    x: Tensor,
    grid: readonly [number, number],
    win: readonly [number, number],
    padding: Tensor,
  ): Tensor {
    const [b, , channels] = x.shape as [number, number, number];
    const [rows, columns] = [Math.ceil(grid[0] / win[0]), Math.ceil(grid[1] / win[1])];
    const values: number[] = [];
    for (let item = 0; item < b; item++)
      for (let wy = 0; wy < rows; wy++)
        for (let wx = 0; wx < columns; wx++)
          for (let i = 0; i < win[0] * win[1]; i++) {
            const [y, z] = [wy * win[0] + Math.floor(i / win[1]), wx * win[1] + (i % win[1])];
            const inside = y < grid[0] && z < grid[1];
            const start = (item * grid[0] * grid[1] + y * grid[1] + z) * channels;
            for (let c = 0; c < channels; c++) values.push(Number(inside ? x.data[start + c] : padding.data[c]));
          }
    return tensor('f32', [b * rows * columns, win[0] * win[1], channels], values);
  }

  it('attends inside windows that hang over the grid', () => {
    const [grid, win] = [
      [5, 4],
      [3, 3],
    ] as const;
    const [q, k, v] = [tokens(2, 20, C, 1), tokens(2, 20, C, 2), tokens(2, 20, CV, 3)];
    const [keyPad, valuePad] = [random('f32', [HEADS * C], 7), random('f32', [HEADS * CV], 8)];
    const [height, width] = [random('f32', [3, 3, C], 5), random('f32', [3, 3, C], 6)];
    const bias = random('f32', [8, 1, 9, 9], 9);
    const attrs = { heads: HEADS, scale: SCALE, window: [...grid, ...win] };
    const found = runOp('attention', [q, k, v, bias, height, width, keyPad, valuePad], attrs)[0]!;
    const windows = partition(q, grid, win, keyPad);
    const expected = composed(windows, partition(k, grid, win, keyPad), partition(v, grid, win, valuePad), [
      relativeBias(windows, height, width),
      bias,
    ]);
    expectClose(partition(found, grid, win, tensor('f32', [HEADS * CV], Array(HEADS * CV).fill(0))), {
      ...expected,
      data: (expected.data as Float32Array).map((y, i) => {
        const [w, token] = [Math.floor(i / (9 * HEADS * CV)) % 4, Math.floor(i / (HEADS * CV)) % 9];
        const [row, column] = [Math.floor(w / 2) * 3 + Math.floor(token / 3), (w % 2) * 3 + (token % 3)];
        return row < 5 && column < 4 ? y : 0;
      }),
    });
  });

  it('takes no queries and one key', () => {
    const [k, v] = [tokens(1, 1, C, 2), tokens(1, 1, CV, 3)];
    const attrs = { heads: HEADS, scale: SCALE };
    expect(runOp('attention', [tensor('f32', [1, 0, HEADS * C], []), k, v], attrs)[0]?.shape).toEqual([
      1,
      0,
      HEADS * CV,
    ]);
    expect(runOp('attention', [tokens(1, 1, C, 1), k, v], attrs)[0]?.data).toEqual(v.data);
  });

  it('infers symbolic tokens and refuses what does not fit', () => {
    const n = symbol('n');
    const attrs = { heads: 2, scale: 1 };
    expect(inferOp('attention', [f32(1, n, 8), f32(1, 64, 8), f32(1, 64, 6)], attrs)[0]?.shape).toEqual([1, n, 6]);
    expect(() => inferOp('attention', [f32(1, 4, 8), f32(1, 4, 8), f32(1, 5, 8)], attrs)).toThrow(
      /tokens of v, those of k: expected 4, found 5/,
    );
    expect(() => inferOp('attention', [f32(1, 4, 7), f32(1, 4, 7), f32(1, 4, 8)], attrs)).toThrow(
      /channels of q over heads: expected 7, found 6/,
    );
    expect(() => inferOp('attention', [f32(1, 4, 8), f32(1, 4, 8), f32(1, 4, 8), f32(3, 4)], attrs)).toThrow(
      /bias: \[3, 4\] does not broadcast/,
    );
    expect(() =>
      inferOp('attention', [f32(1, 4, 8), f32(1, 4, 8), f32(1, 4, 8)], { ...attrs, window: [2, 2, 3, 3] }),
    ).toThrow(/key_pad, value_pad/);
    expect(() =>
      inferOp('attention', [f32(1, 4, 8), f32(1, 4, 8), f32(1, 4, 8), undefined, f32(2, 2, 4)], attrs),
    ).toThrow(/expected both or none/);
  });
});
