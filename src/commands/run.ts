import { resolve } from 'node:path';
import type { Command } from 'commander';
import { buildPackage, modelOf, openPackage, runArguments } from '../compiled-package.js';
import { type Io, json } from '../io.js';
import { collectBindings, parseCount } from './parse.js';

interface Options {
  readonly in?: readonly (readonly [string, string])[];
  readonly out: string;
  readonly threads: number;
  readonly repeat: number;
  readonly json?: true;
}

export const addRun = (program: Command, io: Io): Command =>
  program
    .command('run')
    .description('run a model of a compiled package on .npy files; builds it with make where that has not been done')
    .argument('<dir>')
    .argument('<model>')
    .option('--in <input=file.npy>', 'an input (repeatable)', collectBindings)
    .requiredOption('--out <dir>', 'folder for the outputs')
    .option('--threads <n>', '', parseCount, 1)
    .option('--repeat <n>', '', parseCount, 1)
    .option('--verbose', 'stacks of errors')
    .option('--json', 'print one JSON object (it always does)')
    .action(async (dir: string, model: string, options: Options) => {
      const compiled = await openPackage(dir);
      modelOf(compiled, model);
      await buildPackage(compiled);
      const inputs = (options.in ?? []).flatMap(([input, file]) => ['--in', `${input}=${file}`]);
      const counts = ['--threads', String(options.threads), '--repeat', String(options.repeat)];
      io.out(json(await runArguments(compiled, [model, ...inputs, '--out', resolve(options.out), ...counts])));
    });
