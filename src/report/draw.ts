import type { Config, TopLevelSpec } from 'vega-lite';
import { escapeHtml, type Html } from './escape.js';

/** Colours are variables of the page, which knows light, dark and print. */
export const INK = 'var(--ink-2)';
export const FAINT = 'var(--line)';
export const ACCENT = 'var(--accent)';
export const BEFORE = 'var(--before)';

const CONFIG: Config = {
  aria: false,
  background: 'transparent',
  view: { stroke: null },
  font: 'inherit',
  axis: {
    labelColor: INK,
    titleColor: INK,
    titleFontWeight: 'normal',
    titleFontSize: 12,
    labelFontSize: 12,
    gridColor: FAINT,
    domainColor: INK,
    tickColor: INK,
    tickSize: 4,
    labelPadding: 4,
    titlePadding: 6,
  },
  legend: { labelColor: INK, labelFontSize: 12, orient: 'top', title: null, symbolSize: 60, offset: 4 },
};

export type Chart = Omit<TopLevelSpec, 'config' | 'autosize' | 'background'>;

/**
 * Size of a chart with its axes. The room for axes is given, not found: without a browser the widths of texts are
 * guesses.
 */
export function frame(
  width: number,
  height: number,
  { left = 8, right = 8, top = 6, bottom = 40 }: Partial<Record<'left' | 'right' | 'top' | 'bottom', number>>,
) {
  return { width: width - left - right, height: height - top - bottom, padding: { left, right, top, bottom } };
}

/**
 * Draws a chart as SVG, ready for a page.
 *
 * @param label what the chart shows, for those who do not see it
 */
export async function draw(chart: Chart, label: string): Promise<Html> {
  const spec = { ...chart, config: CONFIG, autosize: { type: 'none' } } as TopLevelSpec;
  // Loaded where something is drawn: no other command should wait for them.
  const [{ parse, View }, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  const [, width = '0', height = '0'] = /^<svg[^>]* width="([\d.]+)" height="([\d.]+)"/.exec(svg) ?? [];
  const body = svg.slice(svg.indexOf('>') + 1);
  return {
    html: `<svg role="img" aria-label="${escapeHtml(label)}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${compact(body)}`,
  };
}

/** A page, a small page or paper, a phone: class of the chart and its width in pixels. */
const WIDTHS = [
  ['wide', 1084],
  ['middle', 690],
  ['narrow', 336],
] as const;

/** A chart drawn for each width that pages have; the style shows one of them. */
export async function drawForWidths(chart: (width: number) => Chart, label: string): Promise<Html> {
  const drawn = await Promise.all(
    WIDTHS.map(async ([name, width]) => `<div class="${name}">${(await draw(chart(width), label)).html}</div>`),
  );
  return { html: drawn.join('') };
}

/** Leaves out what only a program reads. */
const compact = (svg: string): string =>
  svg
    .replace(/<path class="(?:background|foreground)"[^>]*\/>/g, '')
    .replace(/ (?:role|aria-[a-z]+|pointer-events|font-family)="[^"]*"/g, '')
    .replace(/ class="[^"]*"/g, '')
    .replace(/ opacity="1"/g, '')
    .replace(/(\d+\.\d{2})\d+/g, '$1')
    .replace(/<g>(?:<g><\/g>)*<\/g>/g, '');
