const trimmed = (x: number, digits: number): string =>
  digits === 0 ? x.toFixed(0) : x.toFixed(digits).replace(/\.?0+$/, '');

/** Three significant digits. */
const short = (x: number): string => {
  if (x === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(x))));
  return trimmed(x, Math.min(digits, 20));
};

const scaled = (x: number, steps: readonly (readonly [size: number, unit: string])[]): string => {
  const [size, unit] = steps.find(([least]) => Math.abs(x) >= least) ?? [1, ''];
  return `${short(x / size)}\u00a0${unit}`.trimEnd();
};

export const bytesText = (bytes: number): string =>
  scaled(
    bytes,
    [
      [1e9, 'GB'],
      [1e6, 'MB'],
      [1e3, 'kB'],
      [0, 'bytes'],
    ].map(([size, unit]) => [Number(size) || 1, String(unit)] as const),
  );

export const countText = (count: number): string =>
  scaled(count, [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ]);

export const decibelsText = (decibels: number | null | undefined): string =>
  decibels === null || decibels === undefined ? '–' : `${decibels.toFixed(1)}\u00a0dB`;

/** A number where its size matters more than its digits. */
export const numberText = (x: number): string => {
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return x.toExponential(2).replace('e+', 'e');
  return short(x).replace('-', '−');
};

export const percentText = (share: number): string => `${short(100 * share)}\u00a0%`;
