const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** What may not stand in HTML or would not be seen: control characters, and marks that turn the direction of what follows. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/** Text of a model, safe as content and within quoted attributes; what cannot be seen is written as its code point. */
export const escapeHtml = (text: string): string =>
  text
    .replace(UNSEEN, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .replace(/[&<>"']/g, (mark) => ENTITIES[mark] ?? '');

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
