import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../../src/run-cli.js';

export interface CliResult {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process. */
export async function cli(...args: readonly string[]): Promise<CliResult> {
  let out = '';
  let err = '';
  const status = await runCli(args, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    terminal: false,
  });
  return { status, out, err };
}

export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'sam-qc-cli-'));
