import { mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';

const live = new Set<string>();
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Removes what is unfinished, then lets the signal do what it does without us. */
function onSignal(signal: NodeJS.Signals): void {
  try {
    // A compiler that was started there may still be writing.
    for (const folder of live) rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  } finally {
    listen(false);
    process.kill(process.pid, signal);
  }
}

function listen(on: boolean): void {
  for (const signal of SIGNALS) process[on ? 'on' : 'off'](signal, onSignal);
}

export interface TemporaryFolder {
  readonly path: string;
  readonly remove: () => Promise<void>;
}

/** Makes a folder, named `prefix` and random letters, that is removed when asked for and when the process is told to stop. */
export async function openTemporaryFolder(prefix: string): Promise<TemporaryFolder> {
  if (live.size === 0) listen(true);
  // At once: no signal is heard between the folder's making and its being known.
  const path = mkdtempSync(prefix);
  live.add(path);
  return {
    path,
    remove: async () => {
      await rm(path, { recursive: true, force: true });
      live.delete(path);
      if (live.size === 0) listen(false);
    },
  };
}

/** Hands a new temporary folder to `use`; it is removed at the end, at an error too. */
export async function withTemporaryFolder<T>(prefix: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await openTemporaryFolder(prefix);
  try {
    return await use(folder.path);
  } finally {
    await folder.remove();
  }
}
