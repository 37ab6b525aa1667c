import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Isa } from './targets.js';

/** A line of kernels.inc: one function. */
export interface KernelRow {
  /** `sq_linear_f32`. */
  readonly family: string;
  readonly isa: Isa;
  /** Register tile, rows and columns of the result. */
  readonly mr: number;
  readonly nr: number;
  /** Depth of an interleaved dot product. */
  readonly kr: number;
  /** Layout of packed weights; `none` where it has none. */
  readonly packing: string;
  /** Function and file: the family for `portable`, else `family__isa`. */
  readonly name: string;
}

/** The kernel sources: what there is, and what needs what. */
export interface KernelLibrary {
  readonly rows: readonly KernelRow[];
  /** Text of a file of the kernels folder, without its `#include "sq_…"` lines. */
  text(file: string): string;
  /** `file` and everything it includes of ours, dependencies first. */
  closure(file: string): readonly string[];
  /** The file, `file` or something it includes, that defines a function, struct or macro called `name`. */
  definer(file: string, name: string): string | undefined;
}

export const KERNELS_FOLDER = fileURLToPath(new URL('./kernels/', import.meta.url));

const ROW = /^SQ_KERNEL\(\s*(\w+)\s*,\s*(\w+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\w+)\s*\)$/;
const INCLUDE = /^[ \t]*#[ \t]*include[ \t]+"(sq_\w+\.h)"[^\n]*\n/gm;

/** Reads kernels.inc. Comments and blank lines are allowed, everything else must be a row. */
export function parseKernelTable(text: string): readonly KernelRow[] {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .split('\n')
    .map((line) => line.replace(/\/\/.*$/, '').trim())
    .filter((line) => line !== '')
    .map((line) => {
      const match = ROW.exec(line);
      if (match === null) throw new Error(`kernels.inc: not a kernel row: ${line}`);
      const [, family, isa, mr, nr, kr, packing] = match as unknown as [
        string,
        string,
        Isa,
        string,
        string,
        string,
        string,
      ];
      const name = isa === 'portable' ? family : `${family}__${isa}`;
      return { family, isa, mr: Number(mr), nr: Number(nr), kr: Number(kr), packing, name };
    });
}

/** Opens the folder of kernel sources. Files are read when asked for. */
export function openKernelLibrary(folder: string = KERNELS_FOLDER): KernelLibrary {
  const files = new Set(readdirSync(folder));
  const sources = new Map<string, string>();
  const read = (file: string): string => {
    let text = sources.get(file);
    if (text === undefined) {
      if (!files.has(file)) throw new Error(`kernel source ${file} does not exist`);
      text = readFileSync(`${folder}/${file}`, 'utf8');
      sources.set(file, text);
    }
    return text;
  };
  const visit = (file: string, into: Set<string>, open: readonly string[]): void => {
    if (into.has(file)) return;
    if (open.includes(file)) throw new Error(`kernel headers include each other: ${[...open, file].join(' > ')}`);
    for (const [, included] of read(file).matchAll(INCLUDE)) visit(included!, into, [...open, file]);
    into.add(file);
  };
  const closures = new Map<string, readonly string[]>();
  const closure = (file: string): readonly string[] => {
    let all = closures.get(file);
    if (all === undefined) {
      const into = new Set<string>();
      visit(file, into, []);
      all = [...into];
      closures.set(file, all);
    }
    return all;
  };
  /** By file and name: every node of a program asks for a few. */
  const definers = new Map<string, string | undefined>();
  return {
    rows: parseKernelTable(read('kernels.inc')),
    text: (file) => read(file).replace(INCLUDE, ''),
    closure,
    definer: (file, name) => {
      const key = `${file} ${name}`;
      if (definers.has(key)) return definers.get(key);
      const definition = new RegExp(
        `(?:\\b${name}\\s*\\(|\\}\\s*${name}\\s*;|struct\\s+${name}\\s*\\{|#define\\s+${name}\\b)`,
      );
      const found = closure(file).find((part) => definition.test(read(part)));
      definers.set(key, found);
      return found;
    },
  };
}

/** The variant of a family that a target prefers; undefined where the family has none it can run. */
export function selectVariant(library: KernelLibrary, family: string, isas: readonly Isa[]): KernelRow | undefined {
  const rows = library.rows.filter((row) => row.family === family);
  for (const isa of isas) {
    const row = rows.find((candidate) => candidate.isa === isa);
    if (row !== undefined) return row;
  }
  return undefined;
}
