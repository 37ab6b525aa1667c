import { printable } from '../printable.js';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text of a model, safe as content and within quoted attributes; what cannot be seen is written as its code point. */
export const escapeHtml = (text: string): string => printable(text).replace(/[&<>"']/g, (mark) => ENTITIES[mark] ?? '');

/** HTML that is ready to be put into more of it. */
export interface Html {
  readonly html: string;
}
type Part = Html | string | number | undefined | readonly (Html | string)[];

const textOf = (part: Part): string => {
  if (part === undefined) return '';
  if (typeof part === 'string') return escapeHtml(part);
  if (typeof part === 'number') return String(part);
  if ('html' in part) return part.html;
  return part.map(textOf).join('');
};

/** A template whose values are escaped unless they are `Html` already. */
export const html = (strings: TemplateStringsArray, ...parts: readonly Part[]): Html => ({
  html: strings.map((text, i) => (i < parts.length ? text + textOf(parts[i]) : text)).join(''),
});
