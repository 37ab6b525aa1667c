/**
 * Elementary functions of float32, operation for operation those of the C kernels' sq_math.h: every `+ - * / sqrt` is
 * rounded to float32 (Math.fround of the double result is the correctly rounded float32 result for these five), so both
 * give the same bits. Arguments must be float32 values. Errors and ranges are stated in sq_math.h.
 */

const f = Math.fround;
const floatView = new Float32Array(1);
const bitsView = new Uint32Array(floatView.buffer);

function bits(x: number): number {
  floatView[0] = x;
  return bitsView[0] ?? 0;
}

function fromBits(u: number): number {
  bitsView[0] = u >>> 0;
  return floatView[0] ?? 0;
}

/** p r + c, two roundings. */
function step(p: number, r: number, c: number): number {
  return f(f(p * r) + c);
}

/** The float32 nearest to each literal of sq_math.h. */
function coefficients(...values: readonly number[]): readonly number[] {
  return values.map(f);
}

function horner(c: readonly number[], r: number): number {
  let p = c[0] ?? 0;
  for (let i = 1; i < c.length; i++) p = step(p, r, c[i] ?? 0);
  return p;
}

const MAGIC = 12582912; // 1.5 * 2^23: adding it rounds to a whole number, whose low bits are then those of the sum
const LOG2E = f(1.44269502);
const LN2_HI = f(0.693145752);
const LN2_LO = f(1.42860677e-6);
const EXP = coefficients(0.00138145685, 0.00836873055, 0.041668389, 0.166665211, 0.49999994);
const EXP2 = coefficients(0.000153533401, 0.00133989006, 0.00961843785, 0.0555033237, 0.240226477, 0.693147182);
const LOG = coefficients(
  0.0674660131,
  -0.116756409,
  0.118881747,
  -0.124055915,
  0.142195508,
  -0.166679963,
  0.200021192,
  -0.250000089,
  0.333333135,
);
const GELU_TAIL = coefficients(
  -1.2891669e-5,
  4.39032956e-5,
  0.000170582673,
  -0.000989274005,
  0.000643833482,
  0.00609572604,
  -0.021631496,
  0.035741616,
  -0.0317103565,
  0.012220989,
);
const ERF_SMALL = coefficients(-0.000593187986, 0.00498215249, -0.0267595872, 0.112816401, -0.376124799, 0.128379151);
const ERF_LARGE = coefficients(
  -1.12314719e-5,
  0.000322805456,
  -0.00364246522,
  0.0237620752,
  -0.10623689,
  -0.635151327,
  -1.12864852,
);
const ERF_SPLIT = f(0.92);
const SIN = coefficients(2.71821682e-6, -0.000198393245, 0.00833332911, -0.166666672);
const COS = coefficients(-2.72093587e-7, 2.47995104e-5, -0.00138888834, 0.0416666679);
const TWO_OVER_PI = f(0.636619747);
const PI_2 = coefficients(1.5703125, 0.000483751297, 7.54953362e-8, 2.56334407e-12);
const TANH = coefficients(-0.00570948841, 0.0206441283, -0.053741619, 0.133314699, -0.333332837);
const LOG2E_MINUS_1 = f(0.442695051);
const SQRT1_2 = f(0.707106769);
const SQRT_2_PI = f(0.797884583);
const GELU_CUBE = f(0.0447149985);
const MIN_NORMAL = f(1.17549435e-38);

function copysign(magnitude: number, sign: number): number {
  return fromBits((bits(magnitude) & 0x7fffffff) | (bits(sign) & 0x80000000));
}

/** Nearest whole number, ties to even; keeps the sign of zero. */
export function rneF32(x: number): number {
  const t = Math.abs(x);
  return t < 8388608 ? copysign(f(f(t + 8388608) - 8388608), x) : x;
}

export function floorF32(x: number): number {
  const r = rneF32(x);
  return r > x ? f(r - 1) : r;
}

export function ceilF32(x: number): number {
  return -floorF32(-x);
}

export function sqrtF32(x: number): number {
  return f(Math.sqrt(x));
}

/** sq_tree16_f32: adds 16 lanes as a tree of distances 8, 4, 2, 1. */
export function tree16F32(lanes: ArrayLike<number>): number {
  const t = Array.from({ length: 8 }, (_, i) => f((lanes[i] ?? 0) + (lanes[i + 8] ?? 0)));
  const u = [0, 1, 2, 3].map((i) => f((t[i] ?? 0) + (t[i + 4] ?? 0)));
  return f(f((u[0] ?? 0) + (u[2] ?? 0)) + f((u[1] ?? 0) + (u[3] ?? 0)));
}

/** The 16-lane sum of docs on numerics: lane i adds elements i, i + 16, ... of `values[offset, offset + count)`. */
export function sum16F32(values: ArrayLike<number>, offset = 0, count = values.length - offset): number {
  const lanes = new Float32Array(16);
  for (let i = 0; i < count; i++) lanes[i % 16] = (lanes[i % 16] ?? 0) + (values[offset + i] ?? 0);
  return tree16F32(lanes);
}

function scale(p: number, nBits: number): number {
  const biased = (nBits - 0x4b400000 + 254) >>> 0;
  const half = biased >>> 1;
  return f(f(p * fromBits(half << 23)) * fromBits((biased - half) << 23));
}

function expPoly(r: number): number {
  const p = horner(EXP, r);
  return f(f(f(p * f(r * r)) + r) + 1);
}

/** t = rounded x / ln 2 plus MAGIC, r = the rest of x. */
function expReduce(c: number): readonly [t: number, r: number] {
  const t = f(f(c * LOG2E) + MAGIC);
  const n = f(t - MAGIC);
  return [t, f(f(c - f(n * LN2_HI)) - f(n * LN2_LO))];
}

export function expF32(x: number): number {
  let c = Math.min(x, 89);
  c = Math.max(c, -104);
  const [t, r] = expReduce(c);
  return scale(expPoly(r), bits(t));
}

/** e^x for x <= 0, 0 below -87. */
export function expSoftmaxF32(x: number): number {
  const [t, r] = expReduce(Math.max(x, -87));
  const y = f(expPoly(r) * fromBits((bits(t) - 0x4b400000 + 127) << 23));
  return x < -87 ? 0 : y;
}

export function exp2F32(x: number): number {
  let c = Math.min(x, 129);
  c = Math.max(c, -151);
  const t = f(c + MAGIC);
  const r = f(c - f(t - MAGIC));
  return scale(step(horner(EXP2, r), r, 1), bits(t));
}

/** x = 2^e (1 + f): f and e. */
function logSplit(x: number): readonly [fraction: number, exponent: number] {
  const subnormal = x < MIN_NORMAL;
  const u = (bits(subnormal ? f(x * 8388608) : x) - 0x3f3504f3) >>> 0;
  const e = ((u >>> 23) + (u >>> 31 ? 0xfffffe00 : 0)) | 0;
  return [f(fromBits((u & 0x007fffff) + 0x3f3504f3) - 1), f(e - (subnormal ? 23 : 0))];
}

function logPoly(x: number): number {
  const z = f(x * x);
  return f(f(f(horner(LOG, x) * x) * z) - f(0.5 * z));
}

function logLimits(x: number, y: number): number {
  if (Number.isNaN(x) || x === Number.POSITIVE_INFINITY) return x;
  if (x < 0) return Number.NaN;
  return x === 0 ? Number.NEGATIVE_INFINITY : y;
}

export function logF32(x: number): number {
  const [frac, e] = logSplit(x);
  return logLimits(x, f(f(frac + f(logPoly(frac) + f(e * LN2_LO))) + f(e * LN2_HI)));
}

export function log2F32(x: number): number {
  const [frac, e] = logSplit(x);
  const p = logPoly(frac);
  const y = f(f(f(f(p * LOG2E_MINUS_1) + f(frac * LOG2E_MINUS_1)) + p) + frac);
  return logLimits(x, f(y + e));
}

export function erfF32(x: number): number {
  const t = Math.abs(x);
  if (t < ERF_SPLIT) return step(horner(ERF_SMALL, f(x * x)), x, x);
  const c = Math.min(t, 4);
  return copysign(f(1 - expSoftmaxF32(f(horner(ERF_LARGE, c) * c))), x);
}

function sincos(x: number, shift: number): number {
  const t = f(f(x * TWO_OVER_PI) + MAGIC);
  const n = f(t - MAGIC);
  const quadrant = bits(t) + shift;
  const r = PI_2.reduce((rest, part) => f(rest - f(n * part)), x);
  const z = f(r * r);
  const s = f(f(f(horner(SIN, z) * z) * r) + r);
  const c = f(f(f(horner(COS, z) * z) * z) + f(1 - f(0.5 * z)));
  const y = quadrant & 1 ? c : s;
  return quadrant & 2 ? -y : y;
}

export function sinF32(x: number): number {
  return sincos(x, 0);
}

export function cosF32(x: number): number {
  return sincos(x, 1);
}

export function tanhF32(x: number): number {
  const t = Math.abs(x);
  const z = f(x * x);
  if (t < 0.625) return step(f(horner(TANH, z) * z), x, x);
  return copysign(f(1 - f(2 / f(expF32(f(t + t)) + 1))), x);
}

export function sigmoidF32(x: number): number {
  const e = expF32(-Math.abs(x));
  return f((x < 0 ? e : 1) / f(1 + e));
}

/** x/2 (1 + erf(x / sqrt 2)). */
export function geluErfF32(x: number): number {
  return f(f(0.5 * x) * f(1 + erfF32(f(x * SQRT1_2))));
}

/** x Phi(x) to 1.5e-5, for results on their way to 8-bit codes. */
export function geluNearF32(x: number): number {
  const c = Math.min(Math.abs(x), 4.5);
  return f(Math.max(x, 0) - f(horner(GELU_TAIL, f(c - 2.25)) * c));
}

/** x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
export function geluTanhF32(x: number): number {
  const inner = f(SQRT_2_PI * f(x + f(GELU_CUBE * f(f(x * x) * x))));
  return f(f(0.5 * x) * f(1 + tanhF32(inner)));
}
