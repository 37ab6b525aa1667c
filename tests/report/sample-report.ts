import type { AttentionReport, LayerReport, Report } from '../../src/report.js';

/** Names as no sane exporter gives them, each with a way out of the text that it stands in. */
export const HOSTILE = [
  '</title><script>alert(1)</script>',
  '"><img src=x onerror=alert(2)>',
  "' onmouseover='alert(3)",
  'line one\nline two\r\n\u0000end',
  '</svg></style><iframe src="https://example.org/">',
  'נתב/שכבה.סקּ 注意力 🦉 \u202Egnp.exe \u2028 \ud800',
  '&amp;lt;script&gt;',
] as const;

const bell = (x: number, at: number, width: number): number => Math.exp(-(((x - at) / width) ** 2));

function attention(model: string, name: string, place: number, two: boolean): AttentionReport {
  const bins = Array.from({ length: 64 }, (_, i) => -8 + (i + 0.5) / 4);
  const before = bins.map((x) => (two ? bell(x, -4, 1.4) + 0.8 * bell(x, 4.5, 1.2) : bell(x, 0.5, 2)));
  const after = bins.map((x) => bell(x, 0, 1.8));
  const means = Array.from({ length: 24 }, (_, i) => (two ? (i < 12 ? -4 : 4.5) : 0) + Math.sin(i) + i / 24);
  const summary = (shares: readonly number[], peaks: readonly number[], mean: readonly number[]) => {
    const total = shares.reduce((a, b) => a + b);
    return {
      low: -8,
      high: 8,
      shares: shares.map((share) => share / total),
      peaks: peaks.map((value) => ({ value, density: 0.02 })),
      votes: { bimodal: peaks.length === 2 ? 3 : 0, samples: 3 },
      channels: {
        count: mean.length,
        mean,
        min: mean.map((m, i) => m - 1 - (i % 3)),
        max: mean.map((m, i) => m + 1 + (i % 4) / 2),
      },
    };
  };
  const softmax = (quantizer: string, tau: number, offset: number, reference: number) => ({
    quantizer,
    bits: 6,
    tau,
    offset,
    reference,
  });
  const errors = [
    ...[4, 2, 8, 16, 1].flatMap((tau, i) =>
      [0, tau].map((o) => ({ ...softmax('row_log2', tau, o, 1), error: 2e-3 * (1 + i) * (1 + o / 9) })),
    ),
    ...[1, 2, 4].flatMap((tau) => [1, 0.5, 0.25].map((s) => ({ ...softmax('agq', tau, 0, s), error: 0.01 / s / tau }))),
    { ...softmax('row_uniform', 1, 0, 1), error: 0.4 },
  ].sort((a, b) => a.error - b.error);
  return {
    model,
    name,
    kind: 'cross',
    place,
    sqnr_db: 21.5 + place,
    own_sqnr_db: 25.5 + place,
    error_share: 0.1 + place / 100,
    bimodal: two,
    flipped_channels: two ? 12 : 0,
    keys: two ? 'sign' : 'none',
    keys_errors: two ? { none: 0.3, sign: 0.011, mean: 0.02, 'mid-range': 0.015 } : {},
    ...(two && {
      values: 'mean+mixed',
      values_errors: { none: 0.3, mean: 0.12, 'mean+mixed': 0.04, 'mean+even': 0.05 },
    }),
    key_ranges: {
      before: summary(before, two ? [-4, 4.5] : [0.5], means),
      after: summary(after, [0], means.map(Math.abs)),
    },
    softmax: { ...softmax('row_log2', 4, 0, 1), errors },
  };
}

/** A report with something in every part; the names of layers, attentions and outputs are given. */
export function sampleReport(names: readonly string[] = ['layers.0.attn', 'layers.1.mlp', 'neck']): Report {
  const nameAt = (i: number): string => names[i % names.length]!;
  const models = ['encoder', nameAt(0)];
  return {
    target: 'x86-64-avx2',
    bits: 'mixed',
    models: models.map((name, i) => ({
      name,
      source_sha256: 'ab'.repeat(32),
      nodes: 40 - i,
      weights_bytes: 1_250_000 - 400_000 * i,
      arena_bytes: 2_400_000,
      float: { weights_bytes: 4_800_000, arena_bytes: 6_000_000 },
      macs: [
        { op: 'linear', integer: 3.2e8, float: 1e6 },
        { op: 'conv', integer: 0, float: 5.5e7 },
      ],
      arena: {
        planned_bytes: 2_300_000,
        lower_bound_bytes: 2_200_000,
        live_bytes: Array.from({ length: 40 }, (_, at) => 2_200_000 * Math.abs(Math.sin(at / 5 + 0.7))),
      },
    })),
    attentions: [attention('encoder', nameAt(1), 2, true), attention(models[1]!, nameAt(2), 5, false)],
    layers: models.flatMap((model) =>
      Array.from(
        { length: 9 },
        (_, place): LayerReport => ({
          model,
          name: nameAt(place),
          op: place % 4 === 0 ? 'conv' : 'linear',
          bits: place === 0 ? 'f32' : 'w6a6',
          role: place === 0 ? 'input' : 'trunk',
          place,
          sqnr_db: place === 4 ? null : 40 - 3 * place,
          own_sqnr_db: place === 0 ? null : 44 - 2 * place,
          error_share: place === 0 || model !== 'encoder' ? null : place / 36,
        }),
      ),
    ),
    bit_choice: {
      bound: { max_drop: 0.005 },
      chosen: {
        weights_bytes: 1_900_000,
        predicted_db: 24.1,
        drop: { mean: 0.0021, standard_error: 0.0017, prompts: 87, with_truth: 87 },
      },
      tried: [
        {
          weights_bytes: 1_900_000,
          predicted_db: 24.1,
          drop: { mean: 0.0021, standard_error: 0.0017, prompts: 87, with_truth: 87 },
        },
        {
          weights_bytes: 1_700_000,
          predicted_db: 18.4,
          drop: { mean: 0.0061, standard_error: 0.0023, prompts: 87, with_truth: 87 },
        },
      ],
      uniform_bytes: { w4a4: 1_300_000, w6a6: 1_900_000, w8a8: 2_500_000 },
      groups: ['w4a4', 'w6a6', 'w8a8', 'f32'].map((bits, i) => ({
        model: models[i % 2]!,
        layers: Array.from({ length: 1 + (i % 3) }, (_, at) => nameAt(i + at)),
        bits,
        bytes: 16_384 * (i + 2),
        predicted_db: { w4a4: 20 + i, w6a6: 32 + i, w8a8: 44 + i, f32: null },
      })),
    },
    offsets: [
      { model: 'encoder', name: nameAt(1), offset: 'mean', taken: true, errors: { before: 2, after: 0.7 } },
      { model: 'encoder', name: nameAt(2), offset: 'addend', taken: false, errors: { before: 2, after: 1.9 } },
    ],
    migrations: [
      { model: 'encoder', name: nameAt(3), strength: 0.5, errors: { 0: 2, 0.5: 1.2, 0.75: 1.7 } },
      { model: 'encoder', name: nameAt(4), strength: 0, errors: { 0: 2, 0.5: 2.2, 0.75: 2.7 } },
    ],
    outputs: [
      { model: 'encoder', name: nameAt(5), sqnr_db: 27.4 },
      { model: models[1]!, name: nameAt(6), sqnr_db: null },
    ],
  };
}
