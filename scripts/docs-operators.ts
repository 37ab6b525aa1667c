/**
 * Writes docs/operators.md from the importer's table:
 *
 *   npm run docs:operators
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { OPSETS } from '../src/ir/onnx/check-graph.js';
import type { Operator } from '../src/ir/onnx/operator.js';
import { operators, refused } from '../src/ir/onnx/operators/index.js';
import { type OpName, ops } from '../src/ir/ops/index.js';

export const OPERATORS_PAGE = fileURLToPath(new URL('../docs/operators.md', import.meta.url));

const byName = <T>(table: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1));
const cell = (text: string): string => text.replaceAll('|', '\\|');
const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

const row = ([name, { since, into, refuses = '' }]: [string, Operator]): string =>
  `| ${name} | ${since} | ${into.length === 0 ? 'nothing: a constant, or its input' : code(into)} | ${cell(refuses)} |`;

/** Names that are refused for one reason, by reason. */
function refusals(): readonly string[] {
  const reasons = new Map<string, string[]>();
  for (const [name, reason] of byName(refused)) reasons.set(reason, [...(reasons.get(reason) ?? []), name]);
  return [...reasons].map(([reason, names]) => `| ${names.join(', ')} | ${reason} |`);
}

function irOps(): readonly string[] {
  const used = new Set<OpName>(Object.values(operators).flatMap(({ into }) => into));
  return byName(ops).flatMap(([name, { summary }]) =>
    used.has(name as OpName) ? [`| \`${name}\` | ${cell(summary)} |`] : [],
  );
}

/** The page as it should be. */
export const operatorsPage = (): string => `# Operators

Made from the table in the code by \`npm run docs:operators\`; not to be edited by hand.

Models are read up to opset ${OPSETS.newest}; a newer set is refused. Exports of opset ${OPSETS.oldest} and later are what it is made for; an operator's form is understood from the opset in the
second column on. Only ONNX's own domain is known. The ${Object.keys(operators).length} operators below and their older and newer forms are checked with ONNX's own operator tests, with onnxruntime, or both.

**Types.** float32, float64, float16, bfloat16, integers of 8 to 64 bits with and without sign, bool. float16 and bfloat16 are inputs, outputs and weights as they are; between them the
program is float32, and a Cast to them rounds. float64 stays float64, in kernels for any type. Weights of int4 and uint4 become int8 and uint8. Strings, complex numbers, 8-bit and
4-bit floats are refused, with the tensor's name.

**Shapes.** Dimensions are numbers or symbols with bounds. Arithmetic on shapes is not computed as tensors: what depends on symbols becomes scalar expressions (\`scalars\`). An input that decides a
shape must be known at compile time (\`--freeze\`), or be small and have bounds.

**Quantized models**: [quantized-models.md](quantized-models.md).

| operator | since | becomes | refused |
|---|---|---|---|
${byName(operators).map(row).join('\n')}

Movement that moves nothing is left out, and constants are folded. Passes fuse what they find again: LayerNorm, GELU, attention, windows, epilogues.

## What the ops of the program mean

| op | |
|---|---|
${irOps().join('\n')}

## Refused as a whole

| operators | why |
|---|---|
${refusals().join('\n')}
`;

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  writeFileSync(OPERATORS_PAGE, operatorsPage());
