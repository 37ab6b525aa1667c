import type { Command } from 'commander';
import { type Evaluation, evaluate } from '../evaluate.js';
import { type Io, json, withProgress } from '../io.js';
import { layerErrors } from '../layer-errors.js';
import type { ErrorSource } from '../report/error-sources.js';
import { parseCount } from './parse.js';

interface Options {
  readonly images?: string;
  readonly prompts?: string;
  readonly reference?: readonly string[];
  readonly byLayer?: true;
  readonly json?: true;
  readonly threads: number;
}

export const addEval = (program: Command, io: Io): Command =>
  program
    .command('eval')
    .description('mean IoU of a compiled encoder and decoder over prompts with true masks; what each layer loses')
    .argument('<dir>')
    .option('--images <dir>', 'pictures and masks')
    .option('--prompts <prompts.json>')
    .option('--reference <onnx...>', 'encoder.onnx decoder.onnx: compare with them, run by onnxruntime-node')
    .option('--by-layer', 'the error of each layer and its share of that of the outputs, measured when it was compiled')
    .option('--threads <n>', '', parseCount, 1)
    .option('--verbose', 'stacks of errors')
    .option('--json', 'print one JSON object (always, but for --by-layer, which prints a table)')
    .action(async (dir: string, options: Options, command: Command) => {
      const { images, prompts, threads, byLayer = false } = options;
      const [encoder, decoder, ...more] = options.reference ?? [];
      if (options.reference !== undefined && (decoder === undefined || more.length > 0))
        command.error('error: --reference takes two files, the encoder and the decoder');
      const measures = images !== undefined && prompts !== undefined;
      if (!measures && (!byLayer || images !== undefined || prompts !== undefined || encoder !== undefined))
        command.error('error: --images <dir> and --prompts <prompts.json> are needed together');
      const layers = byLayer ? await layerErrors(dir) : [];
      const reference = encoder !== undefined && decoder !== undefined ? { encoder, decoder } : undefined;
      const evaluation = measures
        ? await withProgress(io, (onProgress) =>
            evaluate(dir, { images, prompts, threads, onProgress, ...(reference && { reference }) }),
          )
        : undefined;
      if (byLayer && !options.json) io.out(asText(evaluation, layers));
      else io.out(json({ ...evaluation, ...(byLayer && { layers }) }));
    });

/** Columns of equal width, the first to the left. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
  return rows.map((row) => `${line(row)}\n`).join('');
}

function asText(evaluation: Evaluation | undefined, layers: readonly ErrorSource[]): string {
  const decibels = (value: number | null): string => (value === null ? '-' : value.toFixed(1));
  const figures = Object.entries(evaluation ?? {}).map(([name, value]) => `${name} ${value}\n`);
  const tables = [...new Set(layers.map(({ model }) => model))].map((model) =>
    columns([
      [model, 'op', 'bits', 'alone, dB', 'in all, dB', 'share'],
      ...layers
        .filter((layer) => layer.model === model)
        .map(({ name, op, bits, own_sqnr_db, sqnr_db, error_share }) => [
          name,
          op,
          bits,
          decibels(own_sqnr_db),
          decibels(sqnr_db),
          error_share === null ? '-' : `${(100 * error_share).toFixed(2)} %`,
        ]),
    ]),
  );
  return [figures.join(''), ...tables].filter((part) => part !== '').join('\n');
}
