import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { attentionU8ScratchBytes, packRelativeTableU8 } from '../../src/codegen/packing/attention-u8.js';
import { packLinearU8S8 } from '../../src/codegen/packing/linear-u8s8.js';
import { type IntegerAttention, integerAttention } from '../../src/ir/integer/attention.js';
import { attentionConstants } from '../../src/ir/integer/attention-parameters.js';
import { inverseScale, maxCode } from '../../src/ir/integer/code.js';
import { integerConv, integerLinear, outputInverseScale } from '../../src/ir/integer/linear.js';
import { addQuantizeU8, layerNormQuantizeU8 } from '../../src/ir/integer/norm.js';
import { dequantizeU8, quantizeU8, snapU8 } from '../../src/ir/integer/quantize.js';
import type { Quantization } from '../../src/ir/types.js';

/** The reference arithmetic against the portable C kernels, byte for byte, on random small cases. */

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const build = mkdtempSync(join(tmpdir(), 'integer-reference-'));
const program = join(build, 'reference');

beforeAll(() => {
  const includes = ['../../src/codegen/kernels', '../kernels'].map((path) => `-I${folder(path)}`);
  const flags = ['-std=c11', '-O2', '-ffp-contract=off', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
  const source = folder('../kernels/integer/reference.c');
  // The program frees nothing.
  execFileSync('cc', [...flags, ...includes, source, '-o', program, '-lm'], { stdio: 'inherit' });
}, 120_000);
afterAll(() => rmSync(build, { recursive: true }));

/** Fields of a case in the order in which reference.c reads them: bigint int64, number float32, arrays buffers. */
type Field = bigint | number | ArrayBufferView | undefined;
interface Case {
  readonly fields: readonly Field[];
  readonly expected: readonly (Uint8Array | Float32Array)[];
}

const bytesOf = (view: ArrayBufferView) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);

function encode(field: Field): Buffer {
  const head = Buffer.alloc(typeof field === 'number' ? 4 : 8);
  if (typeof field === 'number') head.writeFloatLE(field);
  else head.writeBigInt64LE(typeof field === 'bigint' ? field : BigInt(field?.byteLength ?? 0));
  return typeof field === 'object' ? Buffer.concat([head, bytesOf(field)]) : head;
}

function compareWithC(cases: readonly Case[]): void {
  const [input, output] = [join(build, 'cases'), join(build, 'results')];
  const fields = [BigInt(cases.length), ...cases.flatMap((one) => one.fields)];
  writeFileSync(input, Buffer.concat(fields.map(encode)));
  execFileSync(program, [input, output], { stdio: 'inherit', env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' } });
  const results = readFileSync(output);
  let at = 0;
  for (const [index, { expected }] of cases.entries()) {
    for (const part of expected) {
      const bytes = bytesOf(part);
      const different = Buffer.compare(results.subarray(at, at + bytes.length), bytes) !== 0;
      if (different) expect.fail(`case ${index} of ${cases.length} differs`);
      at += bytes.length;
    }
  }
  expect(at).toBe(results.length);
}

let state = 1;
const random = (): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};
const int = (low: number, high: number): number => low + Math.floor(random() * (high - low + 1));
const pick = <T>(items: readonly T[]): T => items[int(0, items.length - 1)] as T;
const floats = (count: number, low: number, high: number) =>
  Float32Array.from({ length: count }, () => low + (high - low) * random());
const codes = (count: number, bits: number) => Uint8Array.from({ length: count }, () => int(0, maxCode(bits)));
const signed = (count: number, bits: number) =>
  Int8Array.from({ length: count }, () => int(1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1));
const BITS = [8, 6, 4] as const;
const quantization = (scale: number): Quantization => {
  const bits = pick(BITS);
  return { scale: (scale * (0.5 + random())) / 2 ** bits, zeroPoint: int(0, maxCode(bits)), bits };
};
const many = (count: number, one: (index: number) => Case): Case[] =>
  Array.from({ length: count }, (_, index) => one(index));
const int64 = (...values: readonly number[]): bigint[] => values.map(BigInt);

test('quantize and dequantize', () => {
  compareWithC(
    many(30, (index) => {
      const quant = quantization(8);
      const x = floats(int(1, 200), -6, 6);
      x.set([Number.NaN, Number.POSITIVE_INFINITY, -1e30, -0, quant.scale / 2, 1.5 * quant.scale].slice(0, x.length));
      const y = quantizeU8(x, quant);
      const { zeroPoint, bits, scale } = quant;
      if (index % 2 === 0)
        return { fields: [...int64(0, x.length, zeroPoint, maxCode(bits)), inverseScale(scale), x], expected: [y] };
      return { fields: [...int64(1, x.length, zeroPoint), scale, y], expected: [dequantizeU8(y, quant)] };
    }),
  );
});

test('snap', () => {
  compareWithC(
    many(20, () => {
      const count = int(1, 60);
      const levels = Array.from({ length: count }, (_, i) => i * 4 + int(0, 3));
      const x = codes(int(1, 300), 8);
      return {
        fields: [...int64(7, x.length, count), Uint8Array.from(levels), x],
        expected: [snapU8(x, levels)],
      };
    }),
  );
});

test('LayerNorm, GELU and quantize', () => {
  compareWithC(
    many(30, () => {
      const [m, k, quant, epsilon] = [int(1, 5), int(1, 100), quantization(8), pick([1e-6, 1e-5])];
      const [x, gamma, beta] = [floats(m * k, -3, 7), floats(k, -2, 2), floats(k, -1, 1)];
      const activation = pick([undefined, 'gelu'] as const);
      const { codes, values } = layerNormQuantizeU8({ x, gamma, beta, epsilon, activation, quant });
      const fields = [
        ...int64(2, m, k, activation === 'gelu' ? 1 : 0, quant.zeroPoint, maxCode(quant.bits)),
        epsilon,
        inverseScale(quant.scale),
        x,
        gamma,
        beta,
      ];
      return { fields, expected: [codes, values] };
    }),
  );
});

test('add and quantize', () => {
  compareWithC(
    many(20, () => {
      const [repeat, rows, n, quant] = [int(1, 4), int(1, 5), int(1, 40), quantization(8)];
      const [a, b] = [floats(repeat * rows * n, -3, 3), floats(rows * n, -3, 3)];
      const { codes, values } = addQuantizeU8({ a, b, quant });
      const fields = [
        ...int64(3, repeat * rows, n, rows, quant.zeroPoint, maxCode(quant.bits)),
        inverseScale(quant.scale),
        a,
        b,
      ];
      return { fields, expected: [codes, values] };
    }),
  );
});

const ACTIVATIONS = ['none', 'relu', 'gelu'] as const;
const weights = (n: number, k: number, bits: number) => ({
  weight: signed(n * k, bits),
  bias: Int32Array.from({ length: n }, () => int(-5000, 5000)),
  multiplier: floats(n, 0.01, 0.02).map((v) => v / (2 ** bits * Math.sqrt(k))),
});

test('linear: every epilogue, weights of 8, 6 and 4 bits', () => {
  compareWithC(
    many(60, (index) => {
      const [m, n, k, bits, activation] = [
        int(1, 6),
        int(1, 40),
        int(1, 70),
        BITS[index % 3]!,
        ACTIVATIONS[int(0, 2)]!,
      ];
      const output = index % 4 === 0 ? undefined : quantization(4);
      const [x, residual] = [codes(m * k, pick(BITS)), index % 5 === 1 ? floats(m * n, -2, 2) : undefined];
      const constants = weights(n, k, bits);
      const product = { x, ...constants, residual, activation, output };
      const fields = [
        ...int64(
          4,
          m,
          n,
          k,
          bits,
          ACTIVATIONS.indexOf(activation),
          output?.zeroPoint ?? 0,
          output ? maxCode(output.bits) : 0,
        ),
        outputInverseScale(product),
        x,
        packLinearU8S8({ ...constants, n, k, bits }, { nr: 16, kr: 4 }),
        residual,
      ];
      return { fields, expected: [integerLinear({ ...product, n, k })] };
    }),
  );
});

test('convolution: padding, strides, dilations', () => {
  compareWithC(
    many(40, (index) => {
      const [batch, h, w, c] = [int(1, 2), int(1, 7), int(1, 7), int(1, 9)] as const;
      const [n, kernelH, kernelW, bits] = [int(1, 20), int(1, 3), int(1, 3), BITS[index % 3]!] as const;
      const [strides, dilations, pads_before] = [
        [int(1, 2), int(1, 2)],
        [int(1, 2), int(1, 2)],
        [int(0, 2), int(0, 2)],
      ];
      const [outH, outW, zeroPoint, k] = [int(1, 5), int(1, 5), int(0, 15), kernelH * kernelW * c];
      const [output, activation] = [quantization(4), ACTIVATIONS[int(0, 2)]!];
      const [x, constants] = [codes(batch * h * w * c, pick(BITS)), weights(n, k, bits)];
      const product = { x, ...constants, residual: undefined, activation, output };
      const expected = integerConv({
        ...product,
        inputShape: [batch, h, w, c],
        weightShape: [n, kernelH, kernelW, c],
        outputShape: [batch, outH, outW, n],
        zeroPoint,
        strides,
        dilations,
        pads_before,
      });
      const fields = [
        ...int64(5, batch, h, w, c, outH, outW, n, kernelH, kernelW, ...strides, ...dilations, ...pads_before),
        ...int64(zeroPoint, bits, ACTIVATIONS.indexOf(activation), output.zeroPoint, maxCode(output.bits)),
        outputInverseScale(product),
        x,
        packLinearU8S8({ ...constants, n, k, bits }, { nr: 16, kr: 4 }),
      ];
      return { fields, expected: [expected] };
    }),
  );
});

const KINDS = ['row_log2', 'row_uniform', 'agq'] as const;

/** A random attention: with windows, with relative positions, with both or neither, with a bias or none. */
function attentionCase(index: number): Case {
  const [batch, heads, channels, valueChannels] = [int(1, 2), int(1, 2), int(1, 20), int(1, 12)] as const;
  const windowed = index % 3 === 1;
  const [winH, winW, gridH, gridW] = windowed ? [int(1, 4), int(1, 4), int(1, 7), int(1, 7)] : [0, 0, 0, 0];
  const relative = index % 4 >= 2;
  const [qh, qw, kh, kw] = windowed ? [winH, winW, winH, winW] : [int(1, 3), int(1, 4), int(1, 4), int(1, 20)];
  const [m, n] = windowed || relative ? [qh * qw, kh * kw] : [int(1, 9), int(1, 40)];
  const [queries, keys] = windowed ? [gridH * gridW, gridH * gridW] : [m, n];
  const windows = windowed ? Math.ceil(gridH / winH) * Math.ceil(gridW / winW) : 1;
  const [q, k, v] = [quantization(4), quantization(4), quantization(4)];
  const quantizer = KINDS[index % 3]!;
  const offset = index % 8 >= 5;
  const output = offset || index % 5 === 0 ? undefined : quantization(4);
  const tau = pick([1, 2, 4, 8, 16]);
  const softmax = {
    quantizer,
    bits: pick(BITS),
    tau,
    offset: quantizer === 'row_log2' ? int(0, 3) : 0,
    reference: 0.09 + random() / 2,
  };
  const constants = attentionConstants({
    q,
    k,
    v,
    scale: offset ? 0.03 : 3,
    softmax,
    relHeightScale: offset ? 3 : 0.02,
    relWidthScale: offset ? 0.001 : 0.01,
    output,
  });
  // The same for every key, so that only the order of the additions shows.
  const heights = offset ? new Int8Array(qh * kh * channels).fill(127) : signed(qh * kh * channels, 8);
  const relHeight = relative ? { data: heights, shape: [qh, kh, channels] } : undefined;
  const relWidth = relative ? { data: signed(qw * kw * channels, 8), shape: [qw, kw, channels] } : undefined;
  const biasShape = pick([
    [batch * windows, heads, m, n],
    [1, 1, 1, n],
    [heads, m, n],
  ]);
  const bias =
    index % 7 < 2
      ? {
          data: floats(
            biasShape.reduce((a, b) => a * b, 1),
            -2,
            2,
          ),
          shape: biasShape,
        }
      : undefined;
  if (bias && index % 2) for (let i = 0; i < bias.data.length; i += 3) bias.data[i] = Number.NEGATIVE_INFINITY;
  const [b4 = 1, h4 = 1, m4 = 1] = [...Array<number>(4 - biasShape.length).fill(1), ...biasShape];
  const p: IntegerAttention = {
    q: codes(batch * queries * heads * channels, q.bits),
    k: codes(batch * keys * heads * channels, k.bits),
    v: codes(batch * keys * heads * valueChannels, v.bits),
    batch,
    queries,
    keys,
    heads,
    channels,
    valueChannels,
    bias,
    relHeight,
    relWidth,
    keyPad: windowed ? codes(heads * channels, k.bits) : undefined,
    valuePad: windowed ? codes(heads * valueChannels, v.bits) : undefined,
    window: windowed ? [gridH, gridW, winH, winW] : undefined,
    quantizer,
    constants,
    float: output === undefined,
  };
  const c = constants;
  const fields = [
    ...int64(6, batch, heads, m, n, channels, valueChannels, queries, keys, gridH, gridW, winH, winW),
    ...int64(relative ? qw : 0, relative ? kh : 0, relative ? kw : 0),
    ...int64(b4 > 1 ? h4 * m4 * n : 0, h4 > 1 ? m4 * n : 0, m4 > 1 ? n : 0),
    ...int64(c.zq, c.kOffset, c.zv, KINDS.indexOf(quantizer), c.offset, c.levels, c.outZeroPoint, c.outMax),
    ...[c.logitScale, c.tScale, c.tau, c.log2S, c.agqScale, c.outMul, c.vScale, c.relHeightScale, c.relWidthScale],
    ...[p.q, p.k, p.v, p.keyPad, p.valuePad, c.table],
    relHeight && packRelativeTableU8(relHeight.data, [qh, kh, channels], c.zq),
    relWidth && packRelativeTableU8(relWidth.data, [qw, kw, channels], c.zq),
    bias?.data,
    BigInt(attentionU8ScratchBytes({ n, c: channels, cv: valueChannels, relative: relative ? { kh, kw } : undefined })),
  ];
  return { fields, expected: [integerAttention(p)] };
}

test('attention: three kinds of codes, windows, relative positions, bias', () => {
  compareWithC(many(120, attentionCase));
});
