import type { Offset } from '../calibrate/choose-offsets.js';
import type { LayerReport, Report } from '../report.js';
import { noiseByDepth } from './charts.js';
import { drawForWidths } from './draw.js';
import { type Html, html } from './escape.js';
import { decibelsText, numberText } from './format.js';

/** Decibels at which a bar is full. */
const FULL = 60;

export const decibelBar = (decibels: number | null | undefined, kind = ''): Html =>
  html`<div class="measure"><span class="bar ${kind}" style="--share: ${Math.min(100, Math.max(0, (100 * (decibels ?? 0)) / FULL)).toFixed(0)}%"></span><span class="num">${decibelsText(decibels)}</span></div>`;

/** A sortable heading. */
const heading = (label: string, { type = 'text', kind = '' } = {}): Html =>
  html`<th scope="col" class="${kind}" data-type="${type}" aria-sort="none"><button type="button">${label}</button></th>`;

function layerRow({ model, name, op, bits, role, sqnr_db, place }: LayerReport): Html {
  const kind = bits === 'f32' ? 'float' : '';
  return html`<tr><td class="num aside" data-key="${place}">${place + 1}</td><td class="aside">${model}</td>
    <th scope="row">${name}<span class="under">${model}, ${op}, ${role}</span></th><td class="aside">${op}</td><td class="aside">${role}</td>
    <td data-key="${bits}"><span class="chip ${kind}">${bits}</span></td><td data-key="${sqnr_db ?? -1}">${decibelBar(sqnr_db, kind)}</td></tr>`;
}

/** How much of the outputs is noise. */
export function outputTable({ outputs }: Report): Html {
  if (outputs.length === 0) return html``;
  const rows = outputs.map(
    ({ model, name, sqnr_db }) =>
      html`<tr><td class="aside">${model}</td><th scope="row">${name}<span class="under">${model}</span></th><td>${decibelBar(sqnr_db)}</td></tr>`,
  );
  return html`<h2 id="outputs">Outputs</h2>
    <p class="quiet">Signal to quantization noise (SQNR) of each output on the calibration data, against the float program on the same inputs. 20 dB is a tenth of the signal’s size, 40 dB a hundredth.</p>
    <div class="scroll card" tabindex="0"><table><thead><tr><th scope="col" class="aside">Model</th><th scope="col">Output</th><th scope="col">SQNR</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** SQNR along the program, and all layers in a table. */
export async function layerSection({ models, layers, attentions }: Report): Promise<Html> {
  if (layers.length === 0) return html``;
  const figures = await Promise.all(
    models.map(async ({ name }) => {
      const own = layers.filter(({ model }) => model === name);
      const ownAttentions = attentions.filter(({ model }) => model === name);
      if (!own.some(({ sqnr_db }) => sqnr_db !== null)) return html``;
      const label = `Signal to noise of the quantized layers of ${name}, in the order they run; the table of layers has the figures`;
      const drawn = await drawForWidths((width) => noiseByDepth(own, ownAttentions, width), label);
      return html`<figure class="card"><figcaption><b>${name}</b></figcaption>${drawn}</figure>`;
    }),
  );
  return html`<h2 id="depth">Noise by depth</h2>
    <p class="quiet">SQNR of each layer’s result within the whole quantized program, so that what earlier layers lost is in it.</p>${figures}
    <h2 id="layers">Layers</h2>
    <p class="quiet">Of a layer left in float, the SQNR is what quantizing it alone would have left. Press a heading to sort.</p>
    <div class="scroll card" tabindex="0"><table class="sortable"><thead><tr>${heading('#', { type: 'number', kind: 'num aside' })}${heading('Model', { kind: 'aside' })}${heading('Layer')}${heading('Op', { kind: 'aside' })}${heading('Role', { kind: 'aside' })}${heading('Bits')}${heading('SQNR', { type: 'number' })}</tr></thead>
    <tbody>${layers.map(layerRow)}</tbody></table></div>`;
}

const OFFSETS: Readonly<Record<Offset, string>> = { addend: 'constant addend', mean: 'mean of each channel' };

/** Constants taken out of what layers read. */
export function offsetSection({ offsets }: Report): Html {
  if (offsets.length === 0) return html``;
  const rows = offsets.map(
    ({
      model,
      name,
      offset,
      taken,
      errors: { before, after },
    }) => html`<tr><td class="aside">${model}</td><th scope="row">${name}<span class="under">${model}</span></th>
      <td>${taken ? html`<span class="chip">${OFFSETS[offset]}</span>` : html`<span class="chip float">${OFFSETS[offset]} kept</span>`}</td>
      <td class="num aside">${numberText(before)}</td><td class="num aside">${numberText(after)}</td>
      <td class="num">${before > 0 ? `${numberText(after / before)} ×` : '–'}</td></tr>`,
  );
  return html`<h2 id="offsets">Offsets</h2>
    <p class="quiet">Constants taken out of what layers read, so that its codes need not span them, and what that does to the squared error of the layers’ results on exact inputs.</p>
    <div class="scroll card" tabindex="0"><table><thead><tr><th scope="col" class="aside">Model</th><th scope="col">Value</th><th scope="col">Taken out</th><th scope="col" class="num aside">Error with it</th><th scope="col" class="num aside">Error without</th><th scope="col" class="num">Change</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** What moved from LayerNorms into the layers behind them. */
export function migrationSection({ migrations }: Report): Html {
  if (migrations.length === 0) return html``;
  const rows = migrations.map(({ model, name, strength, errors }) => {
    const [before, after] = [errors[0] ?? 0, errors[strength] ?? 0];
    return html`<tr><td class="aside">${model}</td><th scope="row">${name}<span class="under">${model}</span></th>
      <td>${strength > 0 ? html`<span class="chip">α = ${strength}</span>` : html`<span class="chip float">unmoved</span>`}</td>
      <td class="num aside">${numberText(before)}</td><td class="num aside">${numberText(after)}</td>
      <td class="num">${before > 0 ? `${numberText(after / before)} ×` : '–'}</td></tr>`;
  });
  return html`<h2 id="migration">Scale migration</h2>
    <p class="quiet">Share of the channels’ scale that moved from a LayerNorm into the layers behind it, and what that did to the squared error of their results on exact inputs.</p>
    <div class="scroll card" tabindex="0"><table><thead><tr><th scope="col" class="aside">Model</th><th scope="col">LayerNorm</th><th scope="col">Moved</th><th scope="col" class="num aside">Error unmoved</th><th scope="col" class="num aside">Error as chosen</th><th scope="col" class="num">Change</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}
