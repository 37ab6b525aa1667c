import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** What a part of a run took: from the line of output that names it to the next such line. */
export interface PhaseUse {
  readonly name: string;
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
}

/** What a process and its descendants took. */
export interface ProcessUse {
  readonly phases: readonly PhaseUse[];
  readonly wallSeconds: number;
  /** Processor time of all of them. */
  readonly cpuSeconds: number;
  /** The most that all of them held at one time, and the most that each program held, by its name; sampled. */
  readonly peakRssBytes: number;
  readonly peakRssByProgram: Readonly<Record<string, number>>;
}

/** Looking at every process of a machine takes a few milliseconds. */
const SAMPLE_MS = 500;
const PAGE = 4096;
/** `sysconf(_SC_CLK_TCK)` of Linux. */
const TICKS = 100;

interface ProcessState {
  readonly parent: number;
  readonly program: string;
  readonly rssBytes: number;
  /** Its own and that of children that it has waited for. */
  readonly cpuSeconds: number;
}

function stateOf(pid: number): ProcessState | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const close = text.lastIndexOf(')');
    const fields = text.slice(close + 2).split(' ');
    const number = (index: number): number => Number(fields[index]);
    return {
      parent: number(1),
      program: text.slice(text.indexOf('(') + 1, close),
      rssBytes: number(21) * PAGE,
      cpuSeconds: (number(11) + number(12) + number(13) + number(14)) / TICKS,
    };
  } catch {
    return undefined; // it has ended
  }
}

/** A process and what it started, by process id. */
function treeOf(root: number): ReadonlyMap<number, ProcessState> {
  const all = new Map<number, ProcessState>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const state = Number.isInteger(pid) ? stateOf(pid) : undefined;
    if (state) all.set(pid, state);
  }
  const tree = new Map<number, ProcessState>();
  const belongs = (pid: number): boolean => {
    for (let at = pid; at > 1; at = all.get(at)?.parent ?? 0) if (at === root) return true;
    return false;
  };
  for (const [pid, state] of all) if (belongs(pid)) tree.set(pid, state);
  return tree;
}

/**
 * Runs a program to its end and samples what it uses; Linux only.
 *
 * @param onLine gets every line of its standard output; what it returns is the name of the phase that begins there
 * @throws where it fails
 */
export async function measureProcess(
  program: string,
  args: readonly string[],
  onLine: (line: string) => string | undefined,
): Promise<ProcessUse> {
  const start = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let peakRssBytes = 0;
  let cpuSeconds = 0;
  const peakRssByProgram: Record<string, number> = {};
  const phases: { name: string; start: number; cpuAtStart: number; peakRssBytes: number }[] = [];
  const sample = (): void => {
    if (child.pid === undefined) return;
    const tree = [...treeOf(child.pid).values()];
    const resident = tree.reduce((sum, { rssBytes }) => sum + rssBytes, 0);
    peakRssBytes = Math.max(peakRssBytes, resident);
    const phase = phases.at(-1);
    if (phase) phase.peakRssBytes = Math.max(phase.peakRssBytes, resident);
    cpuSeconds = Math.max(
      cpuSeconds,
      tree.reduce((sum, state) => sum + state.cpuSeconds, 0),
    );
    for (const { program: name, rssBytes } of tree)
      peakRssByProgram[name] = Math.max(peakRssByProgram[name] ?? 0, rssBytes);
  };
  const timer = setInterval(sample, SAMPLE_MS);
  const hear = (line: string): void => {
    const name = onLine(line);
    if (name === undefined || name === phases.at(-1)?.name) return;
    sample();
    phases.push({ name, start: performance.now(), cpuAtStart: cpuSeconds, peakRssBytes: 0 });
  };
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(hear);
  });
  try {
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) =>
        code === 0 ? resolve() : reject(new Error(`${program} ended with ${signal ?? `status ${code}`}`)),
      );
    });
  } finally {
    clearInterval(timer);
  }
  if (rest !== '') hear(rest);
  const end = performance.now();
  const taken = phases.map((phase, i): PhaseUse => {
    const next = phases[i + 1];
    return {
      name: phase.name,
      wallSeconds: ((next?.start ?? end) - phase.start) / 1000,
      cpuSeconds: (next?.cpuAtStart ?? cpuSeconds) - phase.cpuAtStart,
      peakRssBytes: phase.peakRssBytes,
    };
  });
  return { phases: taken, wallSeconds: (end - start) / 1000, cpuSeconds, peakRssBytes, peakRssByProgram };
}
