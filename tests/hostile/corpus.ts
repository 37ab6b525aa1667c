import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';

const FILE = fileURLToPath(new URL('../fixtures/hostile/corpus.zip', import.meta.url));

/** Models that fuzzing found to reach code that the seeds do not, each named by the hash of its bytes. */
export const readCorpus = (): readonly Uint8Array[] => Object.values(unzipSync(readFileSync(FILE)));
