/**
 * Measures the quantization of the full-size ViT-B encoder: time, memory of the compiler and of the programs it starts,
 * signal to noise of the result.
 *
 *     npx tsx bench/vit-b-quantize.ts [-o folder of the package] [--work folder] [--pictures 16] [--bits w8a8] [--decoder]
 */
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compile } from '../src/compile.js';
import { parseBits } from '../src/options.js';
import { measureProcess } from './measure-process.js';
import { findModel, findPictures, linkPictures } from './models.js';

const { values } = parseArgs({
  options: {
    out: { type: 'string', short: 'o' },
    work: { type: 'string', default: join(tmpdir(), 'sam-qc-bench') },
    pictures: { type: 'string', default: '16' },
    bits: { type: 'string', default: 'w8a8' },
    decoder: { type: 'boolean', default: false },
    /** Set by this program when it starts itself as the process that is measured. */
    compile: { type: 'boolean', default: false },
  },
});

const out = values.out ?? join(values.work, `vit-b-quantize-${values.bits}`);
const bits = parseBits(values.bits);

/** Compiles, and prints when each step began and ended. */
async function compileNow(): Promise<void> {
  const start = performance.now();
  const { encoder, decoder } = findModel('vit-b', values.work);
  const pictures = findPictures(Number(values.pictures));
  const calibration = linkPictures(pictures, join(values.work, `calibration-${pictures.length}`));
  let last = '';
  await compile(values.decoder ? [encoder, decoder] : [encoder], {
    outDir: out,
    bits,
    calibration,
    onProgress: (label, done, total) => {
      if (label === last && done !== total && done !== 1) return;
      last = label;
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      const resident = Math.round(process.memoryUsage.rss() / 1e6);
      console.log(`${seconds.padStart(8)} s  ${String(resident).padStart(5)} MB  ${label} ${done}/${total}`);
    },
  });
}

async function measure(): Promise<void> {
  const self = fileURLToPath(import.meta.url);
  const use = await measureProcess(
    process.execPath,
    [...process.execArgv, self, ...process.argv.slice(2), '--compile'],
    (line) => console.log(line),
  );
  const path = join(out, 'report.json');
  const report = existsSync(path)
    ? (JSON.parse(readFileSync(path, 'utf8')) as {
        readonly outputs?: unknown;
        readonly layers?: readonly { readonly sqnr_db: number | null }[];
      })
    : {};
  const layers = (report.layers ?? []).flatMap(({ sqnr_db }) => (sqnr_db === null ? [] : [sqnr_db]));
  console.log(
    JSON.stringify({
      wall_s: Math.round(use.wallSeconds),
      cpu_s: Math.round(use.cpuSeconds),
      peak_rss_mb: Math.round(use.peakRssBytes / 1e6),
      peak_rss_mb_by_program: Object.fromEntries(
        Object.entries(use.peakRssByProgram).map(([name, bytes]) => [name, Math.round(bytes / 1e6)]),
      ),
      worst_layer_sqnr_db: layers.length > 0 ? Math.min(...layers) : null,
      outputs: report.outputs,
    }),
  );
}

await (values.compile ? compileNow() : measure());
