import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { resolve, sep } from 'node:path';

/** What an input may not do besides throwing: change what all objects inherit, open files that are none of its business. */
export interface Guard {
  /** A line for each breach since the last call. */
  breaches(): readonly string[];
  stop(): void;
}

const PRIMORDIALS = [Object, Array, Function].map((type) => type.prototype as object);
const snapshot = (): readonly (readonly (readonly [PropertyKey, unknown])[])[] =>
  PRIMORDIALS.map((prototype) =>
    Reflect.ownKeys(prototype).map((key) => [key, Object.getOwnPropertyDescriptor(prototype, key)?.value] as const),
  );

const OPENERS = ['openSync', 'readFileSync'] as const;

function realPath(path: string): string {
  try {
    return fs.realpathSync.native(path);
  } catch {
    return resolve(path);
  }
}

/** Watches the prototypes and every file opened by its path. Only files under `folders` may be. */
export function watch(folders: readonly string[]): Guard {
  const before = snapshot();
  const opened: string[] = [];
  const originals = OPENERS.map((name) => fs[name]);
  for (const name of OPENERS) {
    const original = fs[name] as (...args: unknown[]) => unknown;
    const watched = (path: unknown, ...rest: unknown[]): unknown => {
      const full = realPath(String(path));
      if (!folders.some((folder) => full.startsWith(folder + sep))) opened.push(full);
      return original(path, ...rest);
    };
    (fs as unknown as Record<string, unknown>)[name] = watched;
  }
  syncBuiltinESMExports();
  return {
    breaches: () => {
      const polluted = snapshot().some((prototype, i) => {
        const known = before[i]!;
        return (
          prototype.length !== known.length ||
          prototype.some(([key, value], at) => key !== known[at]![0] || value !== known[at]![1])
        );
      });
      const found = opened.splice(0).map((path) => `opened ${path}`);
      return polluted ? [...found, 'changed a prototype'] : found;
    },
    stop: () => {
      OPENERS.forEach((name, i) => {
        (fs as unknown as Record<string, unknown>)[name] = originals[i];
      });
      syncBuiltinESMExports();
    },
  };
}
