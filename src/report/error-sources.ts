import type { Report } from '../report.js';
import { type Html, html } from './escape.js';
import { decibelsText, percentText } from './format.js';

/** Rows of each model: the rest adds little. */
const MOST_ROWS = 12;

/** A layer or an attention, with its part in the error of its model's outputs. */
export interface ErrorSource {
  readonly model: string;
  readonly name: string;
  readonly op: string;
  readonly bits: string;
  readonly place: number;
  readonly own_sqnr_db: number | null;
  readonly sqnr_db: number | null;
  readonly error_share: number | null;
}

/** Quantized layers and attentions in the order they run. */
export const errorSources = ({ models, layers, attentions }: Report): readonly ErrorSource[] =>
  models.flatMap(({ name }) =>
    [
      ...layers.filter(({ bits }) => bits !== 'f32'),
      ...attentions.flatMap(({ softmax, place, own_sqnr_db = null, sqnr_db = null, error_share = null, ...rest }) =>
        softmax === undefined || place === undefined
          ? []
          : [{ ...rest, op: 'attention', bits: `a${softmax.bits}`, place, own_sqnr_db, sqnr_db, error_share }],
      ),
    ]
      .filter(({ model }) => model === name)
      .map(({ model, name: layer, op, bits, place, own_sqnr_db, sqnr_db, error_share }) => ({
        model,
        name: layer,
        op,
        bits,
        place,
        own_sqnr_db,
        sqnr_db,
        error_share,
      }))
      .sort((a, b) => a.place - b.place),
  );

/** What each layer adds to the error of the outputs, most first. */
export function errorSourceSection(report: Report): Html {
  const sources = errorSources(report).filter(({ error_share }) => error_share !== null);
  const tables = report.models.map(({ name }) => {
    const own = sources
      .filter(({ model }) => model === name)
      .sort((a, b) => (b.error_share ?? 0) - (a.error_share ?? 0));
    if (own.length === 0) return html``;
    const most = own[0]?.error_share ?? 0;
    const bar = (share: number): Html =>
      html`<div class="measure"><span class="bar" style="--share: ${((100 * share) / (most || 1)).toFixed(1)}%"></span><span class="num">${percentText(share)}</span></div>`;
    const rows = own
      .slice(0, MOST_ROWS)
      .map(
        ({ name: layer, op, bits, own_sqnr_db, error_share }) =>
          html`<tr><th scope="row">${layer}<span class="under">${op}, ${bits}</span></th><td class="aside">${op}</td><td class="aside">${bits}</td><td class="num">${decibelsText(own_sqnr_db)}</td><td>${bar(error_share ?? 0)}</td></tr>`,
      );
    const rest = own.slice(MOST_ROWS);
    const share = rest.reduce((sum, { error_share }) => sum + (error_share ?? 0), 0);
    const others =
      rest.length === 0
        ? html``
        : html`<tr><th scope="row" class="quiet">${rest.length} others</th><td class="aside"></td><td class="aside"></td><td></td><td>${bar(share)}</td></tr>`;
    return html`<div class="scroll card" tabindex="0"><table><caption><b>${name}</b></caption>
      <thead><tr><th scope="col">Layer</th><th scope="col" class="aside">Op</th><th scope="col" class="aside">Bits</th><th scope="col" class="num">Alone</th><th scope="col">Share of the error</th></tr></thead>
      <tbody>${rows}${others}</tbody></table></div>`;
  });
  if (sources.length === 0) return html``;
  return html`<h2 id="sources">Where the error comes from</h2>
    <p class="quiet">Each quantized layer and attention by itself, all else exact: the SQNR of its result, and its share of what all of them, one by one, do to the model’s outputs.</p>${tables}`;
}
