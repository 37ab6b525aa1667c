import type { Command } from 'commander';
import { evaluate } from '../evaluate.js';
import { type Io, json, withProgress } from '../io.js';
import { parseCount } from './parse.js';

interface Options {
  readonly images: string;
  readonly prompts: string;
  readonly reference?: readonly string[];
  readonly threads: number;
}

export const addEval = (program: Command, io: Io): Command =>
  program
    .command('eval')
    .description('mean IoU of a compiled encoder and decoder over prompts with true masks')
    .argument('<dir>')
    .requiredOption('--images <dir>', 'pictures and masks')
    .requiredOption('--prompts <prompts.json>')
    .option('--reference <onnx...>', 'encoder.onnx decoder.onnx: compare with them, run by onnxruntime-node')
    .option('--threads <n>', '', parseCount, 1)
    .option('--verbose', 'stacks of errors')
    .option('--json', 'print one JSON object (it always does)')
    .action(async (dir: string, options: Options, command: Command) => {
      const [encoder, decoder, ...more] = options.reference ?? [];
      if (options.reference !== undefined && (decoder === undefined || more.length > 0))
        command.error('error: --reference takes two files, the encoder and the decoder');
      const { images, prompts, threads } = options;
      const reference = encoder !== undefined && decoder !== undefined ? { encoder, decoder } : undefined;
      io.out(
        json(
          await withProgress(io, (onProgress) =>
            evaluate(dir, { images, prompts, threads, onProgress, ...(reference && { reference }) }),
          ),
        ),
      );
    });
