/**
 * One cell of the accuracy table, in a process of its own: reads a JSON object `Cell` from its argument, prints a JSON object
 * `Figures`. Run by bench/accuracy.ts.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile } from '../src/compile.js';
import { type Evaluation, evaluate } from '../src/evaluate.js';
import { type Bits, parseBits } from '../src/options.js';
import { withTemporaryFolder } from '../src/temporary-folder.js';
import { type Passes, ROWS } from './accuracy-rows.js';
import { findModel, type ModelName, SHARED } from './models.js';

export interface Cell {
  readonly model: ModelName;
  readonly bits: Bits;
  /** Name of a row. */
  readonly row: string;
  /** Leaves every `SUBSETS`th calibration picture out, from this one on; undefined: all pictures. */
  readonly subset?: number | undefined;
}

export interface Figures extends Evaluation {
  /** Of the image embeddings, on the calibration pictures. */
  readonly sqnr_db: number | undefined;
}

export const SUBSETS = 5;

interface CalibrationPrompt {
  readonly image: string;
  readonly mask?: string;
}

/** A copy of the calibration scenes without a fifth of the pictures. */
function subsetOf(folder: string, left: number, target: string): string {
  const prompts = JSON.parse(readFileSync(join(folder, 'prompts.json'), 'utf8')) as readonly CalibrationPrompt[];
  const pictures = [...new Set(prompts.map(({ image }) => image))].sort();
  const kept = new Set(pictures.filter((_, i) => i % SUBSETS !== left));
  const rest = prompts.filter(({ image }) => kept.has(image));
  mkdirSync(target);
  for (const file of new Set(rest.flatMap(({ image, mask }) => (mask === undefined ? [image] : [image, mask]))))
    copyFileSync(join(folder, file), join(target, file));
  writeFileSync(join(target, 'prompts.json'), JSON.stringify(rest));
  return target;
}

async function figuresOf({ model, bits, subset }: Cell, passes: Passes, work: string): Promise<Figures> {
  const files = findModel(model, work);
  const [calibration, evaluation] = ['calibration', 'evaluation'].map((name) => join(SHARED, 'scenes', name));
  return withTemporaryFolder(join(tmpdir(), 'sam-qc-accuracy-'), async (folder) => {
    const pictures = subset === undefined ? calibration! : subsetOf(calibration!, subset, join(folder, 'subset'));
    const out = join(folder, 'package');
    const { report } = await compile([files.encoder, files.decoder], {
      ...passes,
      outDir: out,
      bits: parseBits(bits),
      calibration: pictures,
      js: false,
    });
    const embeddings = report.outputs.find(({ name }) => name === 'image_embeddings');
    const result = await evaluate(out, {
      images: evaluation!,
      prompts: join(evaluation!, 'prompts.json'),
      reference: files,
      threads: 1,
    });
    return { ...result, sqnr_db: embeddings?.sqnr_db ?? undefined };
  });
}

if (process.argv[1]?.endsWith('accuracy-cell.ts')) {
  const [, , text, work = tmpdir()] = process.argv;
  const cell = JSON.parse(text ?? '') as Cell;
  const row = ROWS.find(({ name }) => name === cell.row);
  if (row === undefined) throw new Error(`no row is called ${cell.row}`);
  process.stdout.write(`${JSON.stringify(await figuresOf(cell, row.passes, work))}\n`);
}
