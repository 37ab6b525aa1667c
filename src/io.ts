import { SingleBar } from 'cli-progress';

/** Where a command reads nothing and writes everything. */
export interface Io {
  /** Results. */
  readonly out: (text: string) => void;
  /** Diagnostics. */
  readonly err: (text: string) => void;
  /** True where diagnostics go to a terminal, which shows progress. */
  readonly terminal: boolean;
}

export const processIo: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  terminal: process.stderr.isTTY === true,
};

/** A progress bar on standard error with the time left; nothing where that is no terminal. */
export interface ProgressBar {
  readonly step: (label: string, done: number, total: number) => void;
  readonly stop: () => void;
}

export function progressBar({ terminal }: Io): ProgressBar {
  if (!terminal) return { step: () => {}, stop: () => {} };
  const bar = new SingleBar({
    format: '{label} [{bar}] {value}/{total} {eta_formatted}',
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    etaBuffer: 32,
  });
  let current: string | undefined;
  return {
    step: (label, done, total) => {
      if (label !== current) {
        if (current !== undefined) bar.stop();
        bar.start(total, done, { label });
        current = label;
      } else bar.update(done, { label });
    },
    stop: () => {
      if (current !== undefined) bar.stop();
      current = undefined;
    },
  };
}

/** Runs `work` with a progress bar that is gone at the end, error or not. */
export async function withProgress<T>(io: Io, work: (step: ProgressBar['step']) => Promise<T>): Promise<T> {
  const bar = progressBar(io);
  try {
    return await work(bar.step);
  } finally {
    bar.stop();
  }
}

export const bytesText = (bytes: number): string =>
  bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : bytes >= 1e3 ? `${(bytes / 1e3).toFixed(1)} kB` : `${bytes} bytes`;
export const json = (value: unknown): string => `${JSON.stringify(value)}\n`;
