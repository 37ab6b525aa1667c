import { basename } from 'node:path';
import type { Command } from 'commander';
import { type InspectedAttention, type InspectedTensor, type Inspection, inspect } from '../inspect.js';
import { type Io, json } from '../io.js';
import type { Bounds } from '../ir/scalar.js';
import { UserError } from '../user-error.js';
import { parseDim } from './parse.js';

interface Options {
  readonly dim?: Readonly<Record<string, Bounds>>;
  readonly json?: true;
}

export const addInspect = (program: Command, io: Io): Command =>
  program
    .command('inspect')
    .description('operators, shapes and attentions of a model; unsupported operators all at once')
    .argument('<model.onnx>')
    .option('--dim <symbol=min..max>', 'bounds of a symbolic dimension (repeatable)', parseDim)
    .option('--verbose', 'stacks of errors')
    .option('--json', 'print one JSON object')
    .action(async (file: string, { dim, json: asJson }: Options) => {
      const found = await inspect(file, dim ? { dims: dim } : {});
      io.out(asJson ? json(found) : describe(found));
      const { unsupported, problem } = found;
      if (unsupported.length > 0)
        throw new UserError(
          `${basename(file)}: operators that cannot be compiled: ${unsupported.map(({ operator, nodes }) => `${operator} (${nodes.join(', ')})`).join('; ')}`,
        );
      if (problem !== undefined) throw new UserError(problem);
    });

function describe(found: Inspection): string {
  const lines = [
    `${found.file}: opset ${found.opset}${found.producer === '' ? '' : `, from ${found.producer}`}`,
    'inputs',
    ...found.inputs.map(tensor),
    'outputs',
    ...found.outputs.map(tensor),
    ...section(
      'bounds',
      Object.entries(found.bounds).map(([name, range]) =>
        range ? `${name}: ${range.min}..${range.max}` : `${name}: none; compile with --dim ${name}=<min>..<max>`,
      ),
    ),
    'operators',
    ...Object.entries(found.operators).map(([name, count]) => `  ${String(count).padStart(5)} ${name}`),
    ...section(
      'not supported',
      found.unsupported.map(({ operator, reason, nodes }) => `${operator} (${reason}): ${nodes.join(', ')}`),
    ),
    ...section('attentions', found.attentions.map(attention)),
    ...section(
      'softmaxes outside of them',
      found.loose_softmaxes.map(({ name, reason }) => `${name}: ${reason}`),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];

const tensor = ({ name, dtype, shape }: InspectedTensor): string => `  ${name}: ${dtype}[${shape?.join(', ') ?? '…'}]`;

function attention({ name, kind, heads, queries, keys, channels, window, ...extras }: InspectedAttention): string {
  const with_ = [
    ...(extras.relative_positions ? ['relative positions'] : []),
    ...(extras.bias ? ['bias'] : []),
    ...(window ? [`windows of ${window[2]} × ${window[3]} in ${window[0]} × ${window[1]}`] : []),
    ...(extras.note === undefined ? [] : [extras.note]),
  ];
  return `${name}: ${kind}, ${heads} heads of ${channels}, ${queries} queries × ${keys} keys${with_.length > 0 ? `, ${with_.join(', ')}` : ''}`;
}
