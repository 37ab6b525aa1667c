/**
 * Runs a model by onnxruntime-node, for the benchmarks: a process of its own, so that its memory is onnxruntime's alone.
 *
 *     npx tsx bench/peer.ts <model.onnx> [--in <input>=<file.npy>]... [--out <dir>] [--repeat N] [--threads N]
 *
 * Prints one line of JSON like the runner's of a compiled package. The first run is not timed: it fills onnxruntime's arena.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { readNpy, writeNpy } from '../src/npy.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    in: { type: 'string', multiple: true, default: [] },
    out: { type: 'string' },
    repeat: { type: 'string', default: '1' },
    threads: { type: 'string', default: '1' },
  },
});
const [model] = positionals;
if (model === undefined) throw new Error('which model?');

const feeds: Record<string, Tensor> = {};
for (const given of values.in) {
  const at = given.indexOf('=');
  const path = given.slice(at + 1);
  const { data, shape } = await readNpy(path);
  const name = given.slice(0, at);
  if (data instanceof Float32Array) feeds[name] = new Tensor('float32', data, [...shape]);
  else if (data instanceof BigInt64Array) feeds[name] = new Tensor('int64', data, [...shape]);
  else throw new Error(`${path}: float32 or int64 is expected`);
}

const session = await InferenceSession.create(model, {
  intraOpNumThreads: Number(values.threads),
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
});
const repeat = Number(values.repeat);
const ms: number[] = [];
const cpuMs: number[] = [];
let outputs = await session.run(feeds);
for (let i = 0; i < repeat; i++) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  outputs = await session.run(feeds);
  ms.push(performance.now() - start);
  const { user, system } = process.cpuUsage(cpu);
  cpuMs.push((user + system) / 1000);
}
if (values.out !== undefined) {
  mkdirSync(values.out, { recursive: true });
  for (const [i, name] of session.outputNames.entries()) {
    const output = outputs[name];
    const path = join(values.out, `${i}.npy`);
    if (output?.data instanceof Float32Array)
      await writeNpy(path, { dtype: 'f32', shape: output.dims, data: output.data });
    if (output?.data instanceof BigInt64Array)
      await writeNpy(path, { dtype: 'i64', shape: output.dims, data: output.data });
  }
}
const highWater = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
console.log(
  JSON.stringify({ ms, cpu_ms: cpuMs, peak_rss_bytes: Number(highWater ?? 0) * 1024, outputs: session.outputNames }),
);
