/**
 * Fuzzes everything that reads what others made: ONNX models the whole way to C, the text form, .npy, .npz, prompts.json,
 * arguments.
 *
 *   npm run fuzz:import -- [inputs of models] [seed] [folder for findings]
 *
 * The inputs run in a child process, which this one watches: a crash or a hang leaves the input in the child's folder.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { watchCoverage } from '../tests/hostile/coverage.js';
import { fuzz } from '../tests/hostile/fuzz.js';
import { random } from '../tests/hostile/random.js';
import { openTarget, TARGET_NAMES, type TargetName } from '../tests/hostile/targets.js';

const ONNX_TESTS = fileURLToPath(new URL('../../shared/onnx-node', import.meta.url));
/** Inputs of each other target for one of models. */
const OTHERS = 0.05;
/** Of the child's heap; what lies outside it is in the figure that is printed. */
const HEAP_MB = 768;
const MOST_BYTES = 1e9;
/** Without a sign of life; 64 inputs lie between two, each of at most 10 s of processor time, on a machine that may be busy. */
const SILENCE_MS = 1_200_000;

interface Progress {
  readonly done: number;
  readonly corpus: number;
}

async function child(name: TargetName, folder: string, inputs: number, seed: number, findings: string): Promise<void> {
  const coverage = watchCoverage();
  const prefix = name.replaceAll(' ', '-');
  const target = await openTarget(name, folder, ONNX_TESTS);
  const result = await fuzz(target, {
    inputs,
    random: random(seed),
    coverage,
    onBatch: (done, corpus) => process.send?.({ done, corpus } satisfies Progress),
    onDefect: (message, input) => console.log(`  DEFECT ${save([input], findings, `${prefix}-`)}: ${message}`),
  });
  const { user, system } = process.cpuUsage();
  const peak = process.resourceUsage().maxRSS * 1024;
  console.log(
    `${name}: ${result.inputs} inputs, ${result.accepted} accepted, ${result.refused} refused, ${result.defects.size} defects; corpus ${target.seeds.length} -> ${result.corpus.length}, ${coverage.size()} branches reached; slowest ${result.slowest.toFixed(2)} s, peak memory ${(peak / 1e6).toFixed(0)} MB, ${((user + system) / 1e6).toFixed(0)} s of processor time`,
  );
  save(result.corpus.slice(target.seeds.length), join(findings, `${prefix}-corpus`), '');
  if (peak > MOST_BYTES) console.log(`  DEFECT: more than ${MOST_BYTES / 1e6} MB`);
  process.exitCode = result.defects.size > 0 || peak > MOST_BYTES ? 1 : 0;
  process.disconnect?.();
}

/** Each under the hash of its bytes. Returns the last name. */
function save(inputs: readonly Uint8Array[], folder: string, prefix: string): string {
  mkdirSync(folder, { recursive: true });
  const names = inputs.map((bytes) => `${prefix}${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}`);
  inputs.forEach((bytes, i) => {
    writeFileSync(join(folder, names[i]!), bytes);
  });
  return names.at(-1) ?? '';
}

/** Runs one target in a process of its own. */
async function watchTarget(name: TargetName, inputs: number, seed: number, findings: string): Promise<boolean> {
  // In memory where that is possible: every input is a file.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sam-qc-fuzz-'));
  try {
    const args = ['--import', 'tsx', `--max-old-space-size=${HEAP_MB}`, fileURLToPath(import.meta.url), 'child'];
    const worker = spawn(process.execPath, [...args, name, folder, String(inputs), String(seed), findings], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    let heard = Date.now();
    let last: Progress = { done: 0, corpus: 0 };
    worker.on('message', (message) => {
      heard = Date.now();
      last = message as Progress;
      if (process.stderr.isTTY) process.stderr.write(`\r${name}: ${last.done}, corpus ${last.corpus}   `);
    });
    const watchdog = setInterval(() => {
      if (Date.now() - heard > SILENCE_MS) worker.kill('SIGKILL');
    }, 1000);
    const status = await new Promise<number | null>((done) => worker.on('exit', done));
    clearInterval(watchdog);
    if (status !== 0 && status !== 1) {
      cpSync(folder, join(findings, 'crash'), { recursive: true });
      console.log(`  DEFECT: ${name} ended (${status ?? 'killed'}) after ${last.done} inputs; see ${findings}/crash`);
    }
    return status === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [first, ...rest] = process.argv.slice(2);
if (first === 'child') {
  const [name, folder = '', inputs, seed, findings = ''] = rest;
  await child(name as TargetName, folder, Number(inputs), Number(seed), findings);
} else {
  const [models = '200000', seed = '1', findings = 'out/fuzz-findings'] = process.argv.slice(2);
  let passed = true;
  console.log(`seed ${seed}`);
  for (const name of TARGET_NAMES) {
    const inputs = name === 'models' ? Number(models) : Math.ceil(Number(models) * OTHERS);
    passed = (await watchTarget(name, inputs, Number(seed), findings)) && passed;
  }
  process.exitCode = passed ? 0 : 1;
}
