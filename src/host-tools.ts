import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { UserError } from './user-error.js';

/** The path of a program as a shell would find it. */
export function findProgram(name: string): string | undefined {
  const candidates = name.includes('/')
    ? [name]
    : (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder || '.', name));
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  });
}

/** @throws UserError where make or a C compiler is missing; `CC` in the environment names another than `cc` */
export function requireCompiler(): void {
  const compiler = (process.env.CC ?? 'cc').trim().split(/\s+/)[0] || 'cc';
  const missing = (what: string, name: string): UserError =>
    new UserError(
      `no ${what} on this machine: ${name} is not in PATH; install one (Debian, Ubuntu: apt-get install build-essential)`,
    );
  if (findProgram(compiler) === undefined) throw missing('C compiler', compiler);
  if (findProgram('make') === undefined) throw missing('make', 'make');
}
