import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalGraph } from '../../src/canonical-graph.js';
import { emitProgram, type Program } from '../../src/codegen/emit-program.js';
import { emitRunnerTable } from '../../src/codegen/emit-runner-table.js';
import { type KernelLibrary, openKernelLibrary } from '../../src/codegen/kernel-library.js';
import type { Graph } from '../../src/ir/graph.js';
import { readModel } from '../../src/ir/onnx/read-model.js';
import { type Outcome, outcomeOf } from './outcome.js';

/** Weights of more bytes are not packed: what is fuzzed is the program, not the memory of this machine. */
const MOST_WEIGHTS = 1 << 22;
/** What may stand in generated C: printable ASCII and line ends. */
const NOT_ASCII = /[^\n\x20-\x7e]/;

let kernels: KernelLibrary | undefined;

/**
 * The whole way of a model: file → import → passes → C. Symbolic dimensions get bounds; half of the models, by their
 * length, also bounds for the elements of their inputs.
 *
 * @throws as compile does
 */
export function programOf(bytes: Uint8Array, folder: string): { readonly graph: Graph; readonly program: Program } {
  const file = join(folder, 'model.onnx');
  writeFileSync(file, bytes);
  kernels ??= openKernelLibrary();
  const model = readModel(file);
  const { inputs } = model.graph;
  const symbols = inputs.flatMap(({ name, shape }) =>
    (shape ?? []).flatMap((dim, axis) => (typeof dim === 'number' ? [] : [dim ?? `${name}_dim_${axis}`])),
  );
  const sized = bytes.length % 2 === 0 ? [] : inputs.map(({ name }) => name);
  const dims = Object.fromEntries([...symbols, ...sized].map((name) => [name, { min: 1, max: 5 }]));
  const graph = canonicalGraph({ file, model, sourceSha256: '' }, { dims });
  return { graph, program: emitProgram(graph, { name: 'model', target: 'c99', exact: false, library: kernels }) };
}

/** What becomes of a model; of one that is accepted, also header, table of the runner and weights are made. */
export function compileBytes(bytes: Uint8Array, folder: string): Outcome {
  return outcomeOf(() => {
    const { program } = programOf(bytes, folder);
    if (program.weights.bytes() <= MOST_WEIGHTS)
      for (const { produce, bytes: expected, key } of program.weights.sections()) {
        const { length } = produce();
        if (length !== expected) throw new Error(`${key}: ${length} bytes, expected ${expected}`);
      }
    for (const text of [program.source(0n), program.header, emitRunnerTable([program.model])])
      if (NOT_ASCII.test(text)) throw new Error(`generated text holds ${JSON.stringify(NOT_ASCII.exec(text)?.[0])}`);
  });
}
