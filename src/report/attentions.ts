import type { AttentionReport, Report, SoftmaxReport } from '../report.js';
import { type Candidate, candidateErrors, channelRanges, keyHistogram, type Tone } from './charts.js';
import { draw } from './draw.js';
import { type Html, html } from './escape.js';
import { decibelsText, numberText } from './format.js';

const FAMILIES: Readonly<Record<string, string>> = { row_log2: 'row-log2', row_uniform: 'uniform', agq: 'AGQ' };

const familyText = ({ quantizer, tau }: SoftmaxReport): string => {
  const family = FAMILIES[quantizer] ?? quantizer;
  return quantizer === 'row_uniform' ? family : `${family} τ=${tau}`;
};

export function softmaxText(softmax: SoftmaxReport): string {
  const { quantizer, offset, reference } = softmax;
  if (quantizer === 'agq') return `${familyText(softmax)}, s=${numberText(reference)}`;
  return offset > 0 ? `${familyText(softmax)}, o=${offset}` : familyText(softmax);
}

const sameSoftmax = (a: SoftmaxReport, b: SoftmaxReport): boolean =>
  a.quantizer === b.quantizer && a.tau === b.tau && a.offset === b.offset && a.reference === b.reference;

const TRANSFORMS: Readonly<Record<string, string>> = {
  none: 'as they are',
  sign: 'signs folded',
  mean: 'centred, mean',
  'mid-range': 'centred, mid-range',
  'none+equalized': 'equalised',
  'mean+equalized': 'mean, equalised',
  'mid-range+equalized': 'mid-range, equalised',
  'none+mixed': 'mixed',
  'mean+mixed': 'mean, mixed',
  'mid-range+mixed': 'mid-range, mixed',
  'result mean': 'result mean',
  'result mean+mixed': 'result mean, mixed',
  'none+even': 'even',
  'mean+even': 'mean, even',
  'mid-range+even': 'mid-range, even',
  'result mean+even': 'result mean, even',
};
const transformText = (transform: string): string => TRANSFORMS[transform] ?? transform;

const COUNTS = ['no', 'one', 'two', 'three', 'four'];

const figure = (caption: Html, chart: Html): Html => html`<figure><figcaption>${caption}</figcaption>${chart}</figure>`;

const idOf = (index: number): string => `attention-${index + 1}`;

/** Two drawings of the keys as they were, and two as they became. */
async function keyFigures({ name, keys = 'none', key_ranges }: AttentionReport): Promise<readonly Html[]> {
  if (key_ranges === undefined) return [];
  const shown: readonly (readonly [Tone, string])[] =
    keys === 'none'
      ? [['before', 'as they are']]
      : [
          ['before', 'before'],
          ['after', transformText(keys)],
        ];
  const pairs = await Promise.all(
    shown.map(async ([tone, title]) => {
      const ranges = key_ranges[tone];
      const step = 10 ** Math.floor(Math.log10((ranges.high - ranges.low || 1) / 100));
      const peaks = ranges.peaks.map(({ value }) => numberText(Math.round(value / step) * step)).join(' and ');
      const peaksText = `${COUNTS[ranges.peaks.length] ?? ranges.peaks.length} ${ranges.peaks.length === 1 ? 'peak' : 'peaks'} at ${peaks}`;
      const range = `${numberText(ranges.low)} to ${numberText(ranges.high)}`;
      return [
        figure(
          html`<b>Keys, ${title}</b>: ${range}${peaks ? `, ${peaksText}` : ''}`,
          await draw(keyHistogram(ranges, tone), `Histogram of the keys of ${name}, ${title}: ${range}; ${peaksText}`),
        ),
        figure(
          html`<b>Channels, ${title}</b>: range and mean of each`,
          await draw(channelRanges(ranges, tone), `Range and mean of each channel of the keys of ${name}, ${title}`),
        ),
      ];
    }),
  );
  return pairs.flat();
}

async function errorFigure(title: string, name: string, candidates: readonly Candidate[]): Promise<readonly Html[]> {
  if (candidates.length < 2 || !candidates.some(({ error }) => error > 0)) return [];
  const chosen = candidates.find((candidate) => candidate.chosen)?.label ?? 'none';
  const label = `${title} of ${name}: squared error of each candidate; chosen is ${chosen}`;
  return [
    figure(
      html`<b>${title}</b>: error of the attention’s result; chosen ◆`,
      await draw(candidateErrors(candidates), label),
    ),
  ];
}

/** Keys of one attention, and what was tried on them. */
async function card(attention: AttentionReport, index: number): Promise<Html> {
  const {
    model,
    name,
    kind,
    bimodal,
    flipped_channels = 0,
    keys = 'none',
    keys_errors = {},
    values,
    values_errors = {},
    softmax,
  } = attention;
  const order = Object.keys(TRANSFORMS);
  const bars = (errors: Readonly<Record<string, number>>, taken: string | undefined): readonly Candidate[] =>
    Object.entries(errors)
      .sort(([a], [b]) => order.indexOf(a) - order.indexOf(b))
      .map(([transform, error]) => ({ label: transformText(transform), error, chosen: transform === taken }));
  const families = ['row_log2', 'row_uniform', 'agq'];
  const codings = [...(softmax?.errors ?? [])]
    .sort((a, b) => families.indexOf(a.quantizer) - families.indexOf(b.quantizer) || a.tau - b.tau)
    .map((tried) => ({
      label: familyText(tried),
      error: tried.error,
      chosen: softmax !== undefined && sameSoftmax(tried, softmax),
    }));
  const votes = attention.key_ranges?.before.votes;
  const figures = [
    ...(await keyFigures(attention)),
    ...(await errorFigure('Transforms of the keys', name, bars(keys_errors, keys))),
    ...(await errorFigure('Transforms of the values', name, bars(values_errors, values))),
    ...(await errorFigure('Codings of softmax', name, codings)),
  ];
  return html`<section class="card" aria-labelledby="${idOf(index)}">
    <h3 id="${idOf(index)}">${name} <span class="quiet">${model}, ${kind}</span></h3>
    <ul class="facts">
      <li class="chip ${bimodal ? '' : 'plain'}">${bimodal ? 'two peaks' : 'not two-peaked'}${votes ? ` (${votes.bimodal} of ${votes.samples} samples)` : ''}</li>
      <li class="chip">keys ${transformText(keys)}${flipped_channels > 0 ? `, ${flipped_channels} channels flipped` : ''}</li>
      ${values === undefined ? '' : html`<li class="chip">values ${transformText(values)}</li>`}
      <li class="chip ${softmax ? '' : 'float'}">${softmax ? `softmax ${softmaxText(softmax)}` : 'in float'}</li>
      <li class="chip">SQNR ${decibelsText(attention.sqnr_db)}</li>
    </ul>
    ${attention.keys_refused === undefined ? '' : html`<p class="quiet">Keys left alone: ${attention.keys_refused}</p>`}
    <div class="charts">${figures}</div></section>`;
}

/** All attentions in a table, then each by itself. */
export async function attentionSection({ attentions }: Report): Promise<Html> {
  if (attentions.length === 0) return html``;
  const quantized = attentions.some(({ keys }) => keys !== undefined);
  const rows = attentions.map((attention, i) => {
    const { model, name, kind, bimodal, keys, softmax, sqnr_db } = attention;
    const title = quantized ? html`<a href="#${idOf(i)}">${name}</a>` : html`${name}`;
    return html`<tr><td class="aside">${model}</td><th scope="row">${title}<span class="under">${model}, ${kind}</span></th><td class="aside">${kind}</td>
      ${quantized ? html`<td class="aside">${bimodal ? 'two' : 'no'}</td><td>${transformText(keys ?? 'none')}</td><td>${softmax ? softmaxText(softmax) : 'float'}</td><td class="num aside">${decibelsText(sqnr_db)}</td>` : ''}</tr>`;
  });
  const cards = quantized ? await Promise.all(attentions.map(card)) : [];
  const intro = quantized
    ? html`<p class="quiet">Keys whose values gather in two peaks waste a quantizer’s range on the gap. Every transform tried leaves the attention’s result as it is in exact arithmetic; the one of least error on the calibration data is kept, and so is the coding of the probabilities.</p>`
    : html``;
  return html`<h2 id="attentions">Attentions</h2>${intro}
    <div class="scroll card" tabindex="0"><table><thead><tr><th scope="col" class="aside">Model</th><th scope="col">Attention</th><th scope="col" class="aside">Kind</th>${quantized ? html`<th scope="col" class="aside">Peaks</th><th scope="col">Keys</th><th scope="col">Softmax</th><th scope="col" class="num aside">SQNR</th>` : ''}</tr></thead><tbody>${rows}</tbody></table></div>
    ${cards}`;
}
