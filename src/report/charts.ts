import type { KeySummary } from '../calibrate/summarize-keys.js';
import type { AttentionReport, LayerReport, ModelReport } from '../report.js';
import { ACCENT, BEFORE, type Chart, FAINT, frame, INK } from './draw.js';

/** Pixels: what a phone has room for. */
export const NARROW = 340;

const TONES = { before: BEFORE, after: ACCENT } as const;
export type Tone = keyof typeof TONES;

/** Share of the keys by value, with the detected peaks. */
export function keyHistogram({ low, high, shares, peaks }: KeySummary, tone: Tone): Chart {
  const width = (high - low) / shares.length;
  const most = Math.max(...shares);
  const outline = [...shares, 0].map((share, i) => ({ value: low + i * width, share }));
  const x = { field: 'value', type: 'quantitative', scale: { domain: [low, high], nice: false } } as const;
  const y = { field: 'share', type: 'quantitative', axis: null, scale: { domain: [0, most * 1.12] } } as const;
  const marked = peaks.map(({ value }) => ({ value, share: most * 1.06 }));
  const zero = low < 0 && high > 0 ? [{ value: 0 }] : [];
  return {
    ...frame(NARROW, 140, {}),
    layer: [
      {
        data: { values: zero },
        mark: { type: 'rule', color: INK, strokeDash: [2, 3] },
        encoding: { x: { ...x, axis: { title: 'key', grid: false, tickCount: 6 } } },
      },
      {
        data: { values: outline },
        mark: { type: 'area', interpolate: 'step-after', color: TONES[tone], opacity: 0.75 },
        encoding: { x, y },
      },
      { data: { values: marked }, mark: { type: 'rule', color: INK, strokeWidth: 1 }, encoding: { x } },
      {
        data: { values: marked },
        mark: { type: 'point', shape: 'triangle-down', filled: true, color: INK, size: 60, opacity: 1 },
        encoding: { x, y },
      },
    ],
  } as Chart;
}

/** Range and mean of each channel, in the order of the means before the transform. */
export function channelRanges({ channels, low, high }: KeySummary, tone: Tone): Chart {
  const { count, min, mean, max } = channels;
  // The last channel once more, where its step ends.
  const values = Array.from({ length: mean.length + 1 }, (_, channel) => {
    const i = Math.min(channel, mean.length - 1);
    return { channel, mean: mean[i], min: min[i], max: max[i] };
  });
  const x = {
    field: 'channel',
    type: 'quantitative',
    scale: { domain: [0, mean.length], nice: false },
    axis: {
      title: count > mean.length ? `${count} channels in ${mean.length} groups, by mean` : `${count} channels, by mean`,
      labels: false,
      ticks: false,
      grid: false,
    },
  } as const;
  const y = {
    field: 'min',
    type: 'quantitative',
    scale: { domain: [low, high], nice: false },
    axis: { title: null, tickCount: 4 },
  } as const;
  return {
    ...frame(NARROW, 140, { left: 44, bottom: 24 }),
    data: { values },
    encoding: { x },
    layer: [
      {
        mark: { type: 'area', interpolate: 'step-after', color: TONES[tone], opacity: 0.6 },
        encoding: { y, y2: { field: 'max' } },
      },
      {
        mark: { type: 'line', interpolate: 'step-after', color: INK, strokeWidth: 2 },
        encoding: { y: { ...y, field: 'mean' } },
      },
    ],
  } as Chart;
}

export interface Candidate {
  readonly label: string;
  readonly error: number;
  readonly chosen: boolean;
}

/** Places of the labels on a logarithmic axis from 1 to `most`. */
function ratioTicks(most: number): readonly number[] {
  const decades = Math.log10(most);
  if (decades >= 1) {
    const stride = Math.ceil(decades / 4);
    return Array.from({ length: Math.floor(decades / stride) + 1 }, (_, i) => 10 ** (i * stride));
  }
  const rough = (most - 1) / 3;
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1e-6)));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  return Array.from({ length: Math.floor((most - 1) / step) + 1 }, (_, i) => Number((1 + i * step).toPrecision(8)));
}

/** Errors of candidates by label, as multiples of the least; the chosen one marked. */
export function candidateErrors(candidates: readonly Candidate[]): Chart {
  const labels = [...new Set(candidates.map(({ label }) => label))];
  const least = Math.min(...candidates.map(({ error }) => error).filter((error) => error > 0));
  const values = candidates.map(({ label, error, chosen }) => ({
    label,
    chosen,
    ratio: Math.max(1, error / least),
  }));
  const most = Math.max(...values.map(({ ratio }) => ratio), 1.01);
  const margin = most ** 0.05;
  const y = {
    field: 'label',
    type: 'nominal',
    sort: labels,
    axis: { title: null, labelLimit: 0, grid: true, ticks: false, domain: false },
  } as const;
  const x = {
    field: 'ratio',
    type: 'quantitative',
    scale: { type: 'log', nice: false, domain: [1 / margin, most * margin] },
    axis: {
      title: 'squared error, times the least',
      grid: false,
      values: ratioTicks(most),
      format: most >= 1e4 ? '~s' : '~g',
    },
  } as const;
  return {
    ...frame(NARROW, 48 + 20 * labels.length, { left: 132, right: 14, bottom: 42 }),
    encoding: { x, y },
    layer: [
      {
        data: { values: values.filter(({ chosen }) => !chosen) },
        mark: { type: 'point', filled: false, color: BEFORE, size: 44, opacity: 1, strokeWidth: 1.5 },
      },
      {
        data: { values: values.filter(({ chosen }) => chosen) },
        mark: { type: 'point', shape: 'diamond', filled: true, color: ACCENT, size: 150, opacity: 1 },
      },
    ],
  } as Chart;
}

const OPS = ['linear', 'conv', 'attention'] as const;

/** Signal to noise of quantized layers and attentions in the order of the program. */
export function noiseByDepth(
  layers: readonly LayerReport[],
  attentions: readonly AttentionReport[],
  width: number,
): Chart {
  const values = [
    ...layers.filter(({ bits }) => bits !== 'f32').map(({ place, op, sqnr_db }) => ({ place: place + 1, op, sqnr_db })),
    ...attentions.map(({ place = 0, sqnr_db }) => ({ place: place + 1, op: 'attention', sqnr_db })),
  ]
    .filter(({ sqnr_db }) => sqnr_db !== null && sqnr_db !== undefined)
    .sort((a, b) => a.place - b.place);
  const ops = OPS.filter((op) => values.some((value) => value.op === op));
  const x = {
    field: 'place',
    type: 'quantitative',
    axis: { title: 'layer, in the order they run', grid: false, tickMinStep: 1 },
    scale: { nice: false, padding: 6 },
  } as const;
  const y = {
    field: 'sqnr_db',
    type: 'quantitative',
    scale: { zero: false },
    axis: { title: 'SQNR, dB', tickCount: 5 },
  } as const;
  const range = { linear: ACCENT, conv: 'var(--third)', attention: BEFORE };
  const shapes = { linear: 'circle', conv: 'square', attention: 'diamond' };
  return {
    ...frame(width, 270, { left: 44, top: 30, bottom: 42 }),
    data: { values },
    encoding: { x, y },
    layer: [
      { mark: { type: 'line', color: FAINT, strokeWidth: 1.5 } },
      {
        mark: { type: 'point', filled: true, size: 64, opacity: 1 },
        encoding: {
          color: { field: 'op', type: 'nominal', scale: { domain: ops, range: ops.map((op) => range[op]) } },
          shape: { field: 'op', type: 'nominal', scale: { domain: ops, range: ops.map((op) => shapes[op]) } },
        },
      },
    ],
  } as Chart;
}

/** Bytes alive while each node runs, under what the plan takes. */
export function arenaCourse(
  { live_bytes, planned_bytes, lower_bound_bytes }: ModelReport['arena'],
  width: number,
): Chart {
  const [unit, size] = planned_bytes >= 1e6 ? ['MB', 1e6] : ['kB', 1e3];
  const values = [...live_bytes, live_bytes.at(-1) ?? 0].map((bytes, node) => ({ node, alive: bytes / size }));
  const lines = [
    { what: 'planned', at: planned_bytes / size },
    { what: 'lower bound', at: lower_bound_bytes / size },
  ];
  const y = { field: 'alive', type: 'quantitative', axis: { title: `${unit} alive`, tickCount: 5 } } as const;
  return {
    ...frame(width, 250, { left: 60, top: 30, bottom: 42 }),
    layer: [
      {
        data: { values },
        mark: { type: 'area', interpolate: 'step-after', color: ACCENT, opacity: 0.55 },
        encoding: {
          x: {
            field: 'node',
            type: 'quantitative',
            scale: { nice: false },
            axis: { title: 'node, in the order they run', grid: false },
          },
          y,
        },
      },
      {
        data: { values: lines },
        mark: { type: 'rule', strokeWidth: 1.5 },
        encoding: {
          y: { ...y, field: 'at' },
          strokeDash: {
            field: 'what',
            type: 'nominal',
            scale: {
              domain: ['planned', 'lower bound'],
              range: [
                [1, 0],
                [4, 3],
              ],
            },
            legend: { symbolStrokeColor: INK, symbolType: 'stroke' },
          },
          color: { value: INK },
        },
      },
    ],
  } as Chart;
}
