import type { KernelLibrary } from './kernel-library.js';
import { targetEnd, targetPragmas } from './program-text.js';

/** A kernel that is compiled apart from the programs that run it. */
export interface KernelUnit {
  /** Of its function. */
  readonly name: string;
  /** The source it is in; of a kernel made by a macro the header that has the macro. */
  readonly file: string;
  /** The use of a macro that defines it. */
  readonly macro?: string;
}

/** What programs call a kernel that is compiled apart: in its own file it is static. */
const outside = (name: string): string => `sqx_${name}`;

const SIGNATURE = '(const void *args, int64_t begin, int64_t end, int64_t worker)';

/** Declarations of kernels for a program that is linked with them. */
export const kernelDeclarations = (units: readonly KernelUnit[]): string =>
  units.map(({ name }) => `#define ${name} ${outside(name)}\nvoid ${name}${SIGNATURE};\n`).join('');

/** One C file of some kernels, each under a name that programs can be linked with. */
export function kernelsText(library: KernelLibrary, units: readonly KernelUnit[], features: readonly string[]): string {
  const files = new Set(units.flatMap(({ file }) => library.closure(file)));
  return [
    targetPragmas(features),
    ...[...files].map((file) => `${library.text(file).trim()}\n`),
    ...units.flatMap(({ macro }) => (macro === undefined ? [] : [`${macro}\n`])),
    ...units.map(
      ({ name }) =>
        `void ${outside(name)}${SIGNATURE};\nvoid ${outside(name)}${SIGNATURE} { ${name}(args, begin, end, worker); }\n`,
    ),
    targetEnd(features),
  ].join('');
}
