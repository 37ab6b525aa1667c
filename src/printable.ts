/** What is not seen, or changes how what follows is: control characters, marks that turn the direction, halves of surrogate pairs. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

const codePoint = (mark: string): string => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Text of a model, with what cannot be seen written as its code point. */
export const printable = (text: string): string => text.replace(UNSEEN, codePoint);

/** As {@link printable} for text of several lines, so that nothing a model says can steer a terminal. JSON stays the same JSON. */
export const printableLines = (text: string): string =>
  text.replace(UNSEEN, (mark) => (mark === '\n' || mark === '\t' ? mark : codePoint(mark)));
