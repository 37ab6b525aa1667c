/** The page's own style: light and dark by the reader's preference, light on paper. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f7f7f5; --card: #fff; --ink: #1b1d21; --ink-2: #5a5f69; --line: #e2e3e0;
  --accent: #2563c9; --accent-soft: #dfe9fa; --before: #b4541a; --before-soft: #f8e6da; --third: #15803d;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #131518; --card: #1c1f24; --ink: #ebecee; --ink-2: #a4abb6; --line: #343942;
    --accent: #7aaef8; --accent-soft: #22344f; --before: #ef9f68; --before-soft: #432c1e; --third: #5fc98a;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main, header { max-width: 1150px; margin: 0 auto; padding: 0 16px; }
header { padding-top: 32px; }
main { padding-bottom: 48px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 20px; margin: 44px 0 4px; }
h3 { font-size: 16px; margin: 0; overflow-wrap: anywhere; }
h4 { font-size: 15px; margin: 20px 0 4px; }
p { margin: 4px 0 12px; max-width: 74ch; }
.quiet { color: var(--ink-2); }
a { color: var(--accent); text-underline-offset: 2px; overflow-wrap: anywhere; }
a:focus-visible, button:focus-visible, .scroll:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 18px; list-style: none; padding: 0; margin: 12px 0 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 12px; margin: 20px 0 12px; padding: 0; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tile { padding: 12px 16px; }
.tile dt { color: var(--ink-2); font-size: 13px; }
.tile dd { margin: 0; }
.tile .value { font-size: 26px; font-weight: 600; line-height: 1.25; }
.tile .note { color: var(--ink-2); font-size: 13px; }
.card { padding: 16px; margin: 12px 0; }
.scroll { overflow-x: auto; }
.scroll.card { padding: 4px 12px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--ink-2); padding: 8px; }
th, td { padding: 6px 8px; text-align: left; vertical-align: baseline; border-bottom: 1px solid var(--line); }
tbody tr:last-child > * { border-bottom: 0; }
thead th { font-size: 13px; font-weight: 600; color: var(--ink-2); white-space: nowrap; }
tbody th { font-weight: normal; overflow-wrap: anywhere; min-width: 11em; }
.num { text-align: right; white-space: nowrap; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
th button::after { content: "\\2195"; opacity: .45; padding-left: 4px; }
th[aria-sort="ascending"] button::after { content: "\\2191"; opacity: 1; }
th[aria-sort="descending"] button::after { content: "\\2193"; opacity: 1; }
.was { color: var(--ink-2); }
.measure { display: grid; grid-template-columns: minmax(40px, 1fr) 5.2em; gap: 8px; align-items: center; min-width: 130px; }
.bar { display: block; height: 8px; border-radius: 2px; background: linear-gradient(var(--fill), var(--fill)) left / var(--share) 100% no-repeat var(--line); --fill: var(--accent); }
.bar.float { --fill: var(--before); }
.chip { display: inline-block; border-radius: 5px; padding: 0 7px; font-size: 13px; white-space: nowrap; background: var(--accent-soft); }
.chip.float { background: var(--before-soft); }
.chip.plain { background: var(--line); }
.facts { display: flex; flex-wrap: wrap; gap: 4px 8px; margin: 6px 0 0; padding: 0; list-style: none; }
.charts { columns: 3 320px; column-gap: 28px; }
.charts figure { break-inside: avoid; padding-top: 12px; margin: 0; }
figure { margin: 12px 0 0; min-width: 0; }
figcaption { font-size: 13px; color: var(--ink-2); padding-bottom: 4px; }
figcaption b { color: var(--ink); font-weight: 600; }
svg { display: block; max-width: 100%; height: auto; overflow: visible; }
svg text { font-family: system-ui, sans-serif; }
.wide, .middle { display: none; }
.under { display: none; color: var(--ink-2); font-size: 13px; }
.examples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(540px, 100%), 1fr)); gap: 0 12px; }
.examples figure { margin: 6px 0; break-inside: avoid; }
.pictures { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 8px; }
.pictures img { width: 100%; height: auto; display: block; border-radius: 6px; }
.swatch { background: rgb(37 99 235); display: inline-block; width: .8em; height: .8em; border-radius: 2px; vertical-align: -.05em; }
.swatch.float { background: rgb(226 106 32); }
@media print, (min-width: 760px) {
  .middle { display: block; }
  .narrow { display: none; }
}
@media screen and (min-width: 1140px) {
  .wide { display: block; }
  .middle { display: none; }
}
@media screen and (max-width: 640px) {
  .aside { display: none; }
  .under { display: block; }
  th, td { padding: 6px 5px; }
  tbody th { min-width: 8em; }
  .measure { grid-template-columns: 1fr; min-width: 72px; gap: 4px; }
  .measure .num { order: -1; }
  .was { display: block; }
  .card { padding: 12px 8px; }
  .scroll.card { padding: 2px 4px; }
}
@media print {
  :root { --page: #fff; color-scheme: light; }
  body { font-size: 10.5pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  header, main { max-width: none; padding: 0; }
  nav, th button::after { display: none; }
  .card, .tile { border-radius: 4px; }
  .scroll { overflow: visible; }
  table { font-size: 9pt; }
  tbody th { min-width: 0; }
  .examples { grid-template-columns: 1fr 1fr; }
  figure, .tile, tr, h3, h4 { break-inside: avoid; }
  h2, h3, h4, thead { break-after: avoid; }
  .charts { columns: 2; }
  a { color: inherit; text-decoration: none; }
}
`;

/** Sorts a table by the column whose heading is pressed; everything reads well without it. */
export const SCRIPT = `
for (const table of document.querySelectorAll('table.sortable'))
  table.tHead.addEventListener('click', ({ target }) => {
    const heading = target.closest('button')?.closest('th');
    if (!heading) return;
    const direction = heading.getAttribute('aria-sort') === 'ascending' ? 'descending' : 'ascending';
    for (const other of heading.parentElement.cells)
      if (other.hasAttribute('aria-sort')) other.setAttribute('aria-sort', other === heading ? direction : 'none');
    const key = (row) => row.cells[heading.cellIndex].dataset.key ?? row.cells[heading.cellIndex].textContent;
    const compare = (a, b) => a.localeCompare(b, 'en', { numeric: true });
    const rows = [...table.tBodies[0].rows].sort((a, b) =>
      (direction === 'ascending' ? 1 : -1) * (heading.dataset.type === 'number' ? key(a) - key(b) : compare(key(a), key(b))));
    table.tBodies[0].append(...rows);
  });
`;
