import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ts } from 'ts-morph';

/** JavaScript and declarations, by path. */
export type Files = ReadonlyMap<string, string>;

const OPTIONS = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  newLine: ts.NewLineKind.LineFeed,
} as const satisfies ts.CompilerOptions;

/** `x.ts` → `x.js` and `x.d.ts`, without a type check: that is a test's work, not each compilation's. */
export function transpile(path: string, source: string): Files {
  const name = basename(path);
  const stem = path.replace(/\.ts$/, '');
  const options = { compilerOptions: OPTIONS, fileName: name, reportDiagnostics: true };
  const declarations = { ...options, compilerOptions: { ...OPTIONS, declaration: true, isolatedDeclarations: true } };
  const results = [
    [`${stem}.js`, ts.transpileModule(source, options)],
    [`${stem}.d.ts`, ts.transpileDeclaration(source, declarations)],
  ] as const;
  for (const [, { diagnostics = [] }] of results) {
    const [first] = diagnostics;
    if (first !== undefined) throw new Error(`${name}: ${ts.flattenDiagnosticMessageText(first.messageText, '\n')}`);
  }
  return new Map(results.map(([to, { outputText }]) => [to, outputText]));
}

/** Sources of the runtime, relative to this folder; those outside of js-runtime are shared with the compiler itself. */
const RUNTIME = [
  '../js-runtime/backend.ts',
  '../js-runtime/check-inputs.ts',
  '../js-runtime/description.ts',
  '../js-runtime/errors.ts',
  '../js-runtime/load-file.ts',
  '../js-runtime/model.ts',
  '../js-runtime/native-backend.ts',
  '../js-runtime/tensor.ts',
  '../js-runtime/wasm-backend.ts',
] as const;
const SAM_RUNTIME = [
  '../js-runtime/sam.ts',
  '../js-runtime/sam-arguments.ts',
  '../../decoder-prompt.ts',
  '../../prepare-image.ts',
  '../../resample.ts',
  '../../user-error.ts',
  '../../sam-interface.ts',
] as const;

const SPECIFIER = /((?:from|import)\s*\(?\s*')(?:\.\.\/)*(?:\.\/)?([\w-]+\.js')/g;

/** The runtime in one flat folder. */
export async function runtimeFiles(sam: boolean): Promise<Files> {
  const files = new Map<string, string>();
  for (const path of [...RUNTIME, ...(sam ? SAM_RUNTIME : [])]) {
    const source = await readFile(fileURLToPath(new URL(path, import.meta.url)), 'utf8');
    const flat = source.replace(SPECIFIER, '$1./$2');
    for (const [name, text] of transpile(basename(path), flat)) files.set(name, text);
  }
  return files;
}
