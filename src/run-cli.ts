import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addCompile } from './commands/compile.js';
import { addEval } from './commands/eval.js';
import { addInspect } from './commands/inspect.js';
import { addRun } from './commands/run.js';
import { addSegment } from './commands/segment.js';
import { addServe } from './commands/serve.js';
import { addVerify } from './commands/verify.js';
import { isDiagnostic } from './diagnostic.js';
import type { Io } from './io.js';
import { printableLines } from './printable.js';
import { messageOf } from './user-error.js';

const version = (): string =>
  (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;

/**
 * Runs a command line.
 *
 * @param args without the interpreter and the script
 * @returns the exit status: 0 done; 1 the input is at fault; 2 wrong usage
 */
export async function runCli(args: readonly string[], rawIo: Io): Promise<number> {
  const io: Io = {
    ...rawIo,
    out: (text) => rawIo.out(printableLines(text)),
    err: (text) => rawIo.err(printableLines(text)),
  };
  const program = new Command('sam-qc')
    .description('Compiles Segment Anything models from ONNX to self-contained C.')
    .version(version())
    .showHelpAfterError('(sam-qc --help lists the commands)')
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err });
  for (const add of [addCompile, addVerify, addInspect, addRun, addSegment, addEval, addServe])
    add(program, io).exitOverride().configureOutput({ writeOut: io.out, writeErr: io.err });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const known = isDiagnostic(error);
    io.err(`sam-qc: ${known ? '' : 'internal error, please report it: '}${messageOf(error)}\n`);
    if (!known || args.includes('--verbose')) io.err(`${stacks(error)}\n`);
    return 1;
  }
}

const stacks = (error: unknown): string =>
  error instanceof Error
    ? `${error.stack ?? error.message}${error.cause === undefined ? '' : `\ncaused by ${stacks(error.cause)}`}`
    : String(error);
