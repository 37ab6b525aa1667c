import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCorpus } from './corpus.js';
import type { Target } from './fuzz.js';
import { watch } from './guard.js';
import { donorsOf, mutateModel } from './mutate-model.js';
import type { Outcome } from './outcome.js';
import { EXTERNAL_BYTES, modelSeeds } from './seeds.js';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** Adds what an input did besides its outcome. */
function guarded(target: Target, folder: string): Target {
  const guard = watch([folder, ...['src', 'node_modules', 'tests'].map((name) => join(PROJECT, name))]);
  return {
    ...target,
    run: async (input): Promise<Outcome> => {
      // What was opened between inputs is not theirs.
      guard.breaches();
      const outcome = await target.run(input);
      const [breach] = guard.breaches();
      return breach === undefined ? outcome : { kind: 'defect', place: breach, message: breach };
    },
  };
}

async function models(folder: string, onnxTests: string | undefined): Promise<Target> {
  const { compileBytes } = await import('./compile-bytes.js');
  writeFileSync(
    join(folder, 'w.bin'),
    Uint8Array.from({ length: EXTERNAL_BYTES }, (_, i) => i),
  );
  const seeds = [...modelSeeds(onnxTests), ...readCorpus()];
  const donors = donorsOf(seeds);
  return {
    name: 'models',
    seeds,
    mutate: (input, random) => mutateModel(input, donors, random),
    run: (input) => compileBytes(input, folder),
  };
}

export const TARGET_NAMES = ['models', 'text form', 'npy', 'npz', 'prompts', 'arguments'] as const;
export type TargetName = (typeof TARGET_NAMES)[number];

/**
 * Something that reads what others made. `folder` is where inputs are put while they run: what is in it after a crash is
 * the culprit. What a target needs is loaded only for it: V8's counters cost time for every function loaded.
 *
 * @param onnxTests folder of the ONNX project's operator tests: more seeds, where it is there
 */
export async function openTarget(name: TargetName, folder: string, onnxTests?: string): Promise<Target> {
  if (name === 'models') return guarded(await models(folder, onnxTests), folder);
  // Arguments name files, any that the user may read.
  if (name === 'arguments') return (await import('./command-line.js')).commandLine(folder);
  const { READER_TARGETS } = await import('./readers.js');
  return guarded(READER_TARGETS[name](folder), folder);
}
