import { createHash } from 'node:crypto';
import type { Report } from '../report.js';
import { attentionSection } from './attentions.js';
import { bitChoiceSection } from './bit-choice.js';
import { errorSourceSection, errorSources } from './error-sources.js';
import { type Html, html } from './escape.js';
import { layerSection, migrationSection, offsetSection, outputTable } from './layers.js';
import { arenaSection, macTable, modelTable, tiles } from './overview.js';
import { type ExamplePicture, pictureSection } from './pictures.js';
import { SCRIPT, STYLE } from './style.js';

const scriptHash = createHash('sha256').update(SCRIPT).digest('base64');
/** Nothing is loaded, and no script runs but the page's own. */
const POLICY = `default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-${scriptHash}'`;

/** How the page says what a package's numbers are. */
const BITS_TEXT: Readonly<Record<Report['bits'], string>> = {
  f32: 'Float',
  w8a8: 'w8a8',
  w6a6: 'w6a6',
  w4a4: 'w4a4',
  mixed: 'Bits chosen by layer',
};

const raw = (text: string): Html => ({ html: text });

/** report.html: one file that needs no network, the same bytes for the same report. */
export async function reportHtml(report: Report, pictures: readonly ExamplePicture[] = []): Promise<string> {
  const { models, target, bits, layers, attentions, offsets, migrations, outputs, bit_choice } = report;
  const title = models.map(({ name }) => name).join(' + ');
  const links: readonly (readonly [id: string, label: string, present: boolean])[] = [
    ['size', 'Size and work', true],
    ['bits', 'Bits by layer', bit_choice !== undefined],
    ['outputs', 'Outputs', outputs.length > 0],
    ['pictures', 'Pictures', pictures.length > 0],
    ['sources', 'Where the error comes from', errorSources(report).some(({ error_share }) => error_share !== null)],
    ['depth', 'Noise by depth', layers.length > 0],
    ['layers', 'Layers', layers.length > 0],
    ['attentions', 'Attentions', attentions.length > 0],
    ['offsets', 'Offsets', offsets.length > 0],
    ['migration', 'Scale migration', migrations.length > 0],
    ['memory', 'Memory', true],
  ];
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${raw(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}, ${bits} · sam-qc</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p class="quiet">${BITS_TEXT[bits]} for ${target}, compiled by sam-qc</p>
<nav aria-label="Parts of this report"><ul>${links.filter(([, , present]) => present).map(([id, label]) => html`<li><a href="#${id}">${label}</a></li>`)}</ul></nav>
</header>
<main>
${tiles(report)}
<h2 id="size">Size and work</h2>
${modelTable(report)}
${macTable(report)}
${bitChoiceSection(report)}
${outputTable(report)}
${pictureSection(pictures)}
${errorSourceSection(report)}
${await layerSection(report)}
${await attentionSection(report)}
${offsetSection(report)}
${migrationSection(report)}
${await arenaSection(report)}
</main>
<script>${raw(SCRIPT)}</script>
</body>
</html>
`;
  return page.html;
}
