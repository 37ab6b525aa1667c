import type { ModelReport, Report } from '../report.js';
import { arenaCourse } from './charts.js';
import { drawForWidths } from './draw.js';
import { type Html, html } from './escape.js';
import { bytesText, countText, decibelsText, percentText } from './format.js';

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export const macsOf = ({ macs }: ModelReport): { readonly integer: number; readonly total: number } => {
  const integer = sum(macs.map((count) => count.integer));
  return { integer, total: integer + sum(macs.map((count) => count.float)) };
};

const tile = (label: string, value: string, note: Html | string): Html =>
  html`<div class="tile"><dt>${label}</dt><dd><span class="value">${value}</span><br><span class="note">${note}</span></dd></div>`;

/** What it was, and how much less it is where that can be told. */
const comparedText = (before: number, after: number): string =>
  `${bytesText(before)} in float${before / after >= 1.05 ? `, ${(before / after).toFixed(1)}\u00a0×\u00a0smaller` : ''}`;

/** The figures that matter most. */
export function tiles({ models, layers, attentions, outputs }: Report): Html {
  const weights = sum(models.map(({ weights_bytes }) => weights_bytes));
  const arena = Math.max(...models.map(({ arena_bytes }) => arena_bytes));
  const before = models.flatMap(({ float }) => float ?? []);
  const macs = models.map(macsOf);
  const total = sum(macs.map((count) => count.total));
  const quantized = layers.filter(({ bits }) => bits !== 'f32').length;
  const onIntegers = attentions.filter(({ softmax }) => softmax !== undefined).length;
  const least = outputs.filter(({ sqnr_db }) => sqnr_db !== null).sort((a, b) => a.sqnr_db! - b.sqnr_db!)[0];
  const floatWeights = sum(before.map(({ weights_bytes }) => weights_bytes));
  const floatArena = Math.max(0, ...before.map(({ arena_bytes }) => arena_bytes));
  const isFloat = before.length === 0;
  return html`<dl class="tiles">
    ${tile('Weights', bytesText(weights), isFloat ? 'float32' : comparedText(floatWeights, weights))}
    ${tile(models.length > 1 ? 'Arena of the largest' : 'Arena', bytesText(arena), isFloat ? 'memory of a run' : comparedText(floatArena, arena))}
    ${tile('Multiply-accumulates', countText(total), isFloat ? 'all in float' : `${percentText(sum(macs.map((count) => count.integer)) / total)} on integers`)}
    ${isFloat ? '' : tile('On integers', `${quantized} of ${layers.length}`, `layers, and ${onIntegers} of ${attentions.length} attentions`)}
    ${least ? tile('Least output SQNR', decibelsText(least.sqnr_db), html`${least.name} of ${least.model}`) : ''}
  </dl>`;
}

const change = (before: number | undefined, after: number): Html =>
  before === undefined
    ? html`${bytesText(after)}`
    : html`<span class="was">${bytesText(before)} →</span> ${bytesText(after)}`;

/** Size, memory and work of each model. */
export function modelTable({ models }: Report): Html {
  const rows = models.map((model) => {
    const { integer, total } = macsOf(model);
    return html`<tr><th scope="row">${model.name}</th>
      <td class="num">${change(model.float?.weights_bytes, model.weights_bytes)}</td>
      <td class="num">${change(model.float?.arena_bytes, model.arena_bytes)}</td>
      <td class="num">${countText(total)}</td>
      ${model.float ? html`<td class="num aside">${percentText(total > 0 ? integer / total : 0)}</td>` : ''}
      <td class="num aside">${model.nodes}</td></tr>`;
  });
  const quantized = models.some(({ float }) => float !== undefined);
  return html`<div class="scroll card" tabindex="0"><table>
    <thead><tr><th scope="col">Model</th><th scope="col" class="num">Weights</th><th scope="col" class="num">Arena</th><th scope="col" class="num">MACs</th>${quantized ? html`<th scope="col" class="num aside">On integers</th>` : ''}<th scope="col" class="num aside">Nodes</th></tr></thead>
    <tbody>${rows}</tbody></table></div>`;
}

/** Multiply-accumulates by op. */
export function macTable({ models }: Report): Html {
  const most = Math.max(...models.flatMap(({ macs }) => macs.map(({ integer, float }) => integer + float)));
  const quantized = models.some(({ float }) => float !== undefined);
  const bar = (count: number, kind: string): Html =>
    html`<div class="measure"><span class="bar ${kind}" style="--share: ${((100 * count) / most).toFixed(1)}%"></span><span class="num">${count > 0 ? countText(count) : '–'}</span></div>`;
  const rows = models.flatMap(({ name, macs }) =>
    macs.map(
      ({
        op,
        integer,
        float,
      }) => html`<tr><td class="aside">${name}</td><th scope="row">${op}<span class="under">${name}</span></th>
        ${quantized ? html`<td>${bar(integer, '')}</td>` : ''}<td>${bar(float, 'float')}</td></tr>`,
    ),
  );
  return html`<div class="scroll card" tabindex="0"><table>
    <caption>Multiply-accumulates of matrix products and convolutions, at the largest shapes</caption>
    <thead><tr><th scope="col" class="aside">Model</th><th scope="col">Op</th>${quantized ? html`<th scope="col">On integers</th>` : ''}<th scope="col">In float</th></tr></thead>
    <tbody>${rows}</tbody></table></div>`;
}

/** The arena over the course of each program. */
export async function arenaSection({ models }: Report): Promise<Html> {
  const figures = await Promise.all(
    models.map(async ({ name, arena }) => {
      const label = `Bytes alive while each node of ${name} runs: at most ${bytesText(arena.lower_bound_bytes)}, of ${bytesText(arena.planned_bytes)} planned`;
      const drawn = await drawForWidths((width) => arenaCourse(arena, width), label);
      const excess =
        arena.planned_bytes === arena.lower_bound_bytes
          ? 'which no plan can undercut'
          : `${percentText(arena.planned_bytes / arena.lower_bound_bytes - 1)} above the ${bytesText(arena.lower_bound_bytes)} that are alive at once`;
      return html`<figure class="card"><figcaption><b>${name}</b>: planned ${bytesText(arena.planned_bytes)}, ${excess}</figcaption>
        ${drawn}</figure>`;
    }),
  );
  return html`<h2 id="memory">Memory over the program’s course</h2>
    <p class="quiet">Bytes of the intermediate values that are needed while each node runs. The arena has room for the plan; each worker’s scratch comes on top.</p>${figures}`;
}
