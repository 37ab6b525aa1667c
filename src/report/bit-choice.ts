import type { BitChoiceReport, DropReport, Report, TriedReport } from '../report.js';
import { type Html, html } from './escape.js';
import { bytesText, decibelsText, percentText } from './format.js';

const WIDTHS = ['w4a4', 'w6a6', 'w8a8'] as const;

const dropText = ({ mean, standard_error }: DropReport): string =>
  `${mean.toFixed(4).replace('-', '−')}\u00a0±\u00a0${standard_error.toFixed(4)}`;

const chip = (bits: string): Html =>
  html`<span class="chip ${bits === 'f32' ? 'float' : ''}">${bits === 'f32' ? 'float' : bits}</span>`;

/** The promise and what became of it. */
function summary({ bound, chosen, uniform_bytes }: BitChoiceReport): Html {
  const asked =
    'max_drop' in bound
      ? `the fewest bytes of weights with which the masks lose at most ${bound.max_drop} IoU`
      : `the least error with at most ${bytesText(bound.max_bytes)} of weights`;
  const uniform = WIDTHS.flatMap((bits) => {
    const bytes = uniform_bytes[bits];
    return bytes === undefined ? [] : [`${bytesText(bytes)} with all of them at ${bits}`];
  });
  const { drop } = chosen;
  const lost =
    drop === undefined
      ? html``
      : html` On ${drop.prompts} calibration prompts (${drop.with_truth} with true masks; the float models’ mask stands in for the others) the masks lose ${dropText(drop)} IoU, mean and its standard error.`;
  return html`<p>Asked for: ${asked}. Chosen: ${bytesText(chosen.weights_bytes)} of weights; ${uniform.join(', ')}.${lost}</p>`;
}

/** What was built and measured on the way. */
function triedTable({ tried, chosen, uniform_bytes }: BitChoiceReport): Html {
  if (tried.length < 2) return html``;
  const whole = uniform_bytes.w8a8 ?? chosen.weights_bytes;
  const row = ({ weights_bytes, predicted_db, drop }: TriedReport): Html => {
    const isChosen = weights_bytes === chosen.weights_bytes && predicted_db === chosen.predicted_db;
    return html`<tr><th scope="row">${bytesText(weights_bytes)}${isChosen ? html` <span class="chip">chosen</span>` : ''}</th><td class="num aside">${percentText(weights_bytes / whole)}</td><td class="num aside">${decibelsText(predicted_db)}</td><td class="num">${drop ? dropText(drop) : '–'}</td></tr>`;
  };
  return html`<div class="scroll card" tabindex="0"><table><caption>Assignments that were built and measured</caption>
    <thead><tr><th scope="col">Weights</th><th scope="col" class="num aside">Of w8a8</th><th scope="col" class="num aside">Predicted SQNR</th><th scope="col" class="num">Drop, IoU</th></tr></thead>
    <tbody>${[...tried].sort((a, b) => a.weights_bytes - b.weights_bytes).map(row)}</tbody></table></div>`;
}

/** The bits of every group of layers, and what each number of bits would have done. */
export function bitChoiceSection({ bit_choice: choice }: Report): Html {
  if (choice === undefined) return html``;
  const rows = choice.groups.map(({ model, layers, bits, bytes, predicted_db }) => {
    const [first = '', ...others] = layers;
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    const cells = WIDTHS.map(
      (width) =>
        html`<td class="num aside">${width === bits ? html`<b>${decibelsText(predicted_db[width])}</b>` : decibelsText(predicted_db[width])}</td>`,
    );
    return html`<tr><td class="aside">${model}</td><th scope="row">${first}${more}<span class="under">${model}</span></th><td>${chip(bits)}</td>${cells}<td class="num">${bytesText(bytes)}</td></tr>`;
  });
  return html`<h2 id="bits">Bits by layer</h2>${summary(choice)}${triedTable(choice)}
    <p class="quiet">Layers that read one tensor share its codes and so their bits. Under each number of bits: the SQNR of the package’s outputs if nothing but these layers lost anything.</p>
    <div class="scroll card" tabindex="0"><table><thead><tr><th scope="col" class="aside">Model</th><th scope="col">Layers</th><th scope="col">Bits</th>${WIDTHS.map((width) => html`<th scope="col" class="num aside">${width}</th>`)}<th scope="col" class="num">Weights</th></tr></thead>
    <tbody>${rows}</tbody></table></div>`;
}
