import { basename } from 'node:path';
import type { Graph } from './ir/graph.js';
import { importOnnx } from './ir/onnx/import-model.js';
import { TypeMismatch } from './ir/op.js';
import { print } from './ir/text/print.js';
import type { CompileOptions } from './options.js';
import { PassError, runPipeline } from './passes/pass.js';
import { PASSES } from './passes/pipeline.js';
import type { Source } from './source-model.js';
import { messageOf, UserError } from './user-error.js';

/** Import and canonical pipeline. */
export function canonicalGraph({ file, model }: Source, options: Partial<CompileOptions>): Graph {
  const graph = importOnnx(model, { dims: options.dims ?? {}, freeze: options.freeze ?? new Map() });
  return canonicalize(basename(file), graph, options);
}

/**
 * @throws UserError naming the model and the pass, where what a model holds contradicts itself; any other failure of a
 * pass is a defect of this compiler, and stays one
 */
export function canonicalize(label: string, graph: Graph, options: Partial<CompileOptions> = {}): Graph {
  const seen = passObserver(label, options);
  seen('import', graph);
  let done = 0;
  try {
    return runPipeline(graph, PASSES, {
      dumpAfter: 'all',
      onDump: (pass, after) => {
        seen(pass, after);
        options.onProgress?.(`${label}: passes`, ++done, PASSES.length);
      },
    });
  } catch (cause) {
    const message = `${label}: ${messageOf(cause)}`;
    throw isContradiction(cause) ? new UserError(message, { cause }) : new Error(message, { cause });
  }
}

const isContradiction = (error: unknown): boolean =>
  error instanceof TypeMismatch || (error instanceof PassError && isContradiction(error.cause));

/** Hands programs on to those who asked for them. */
export const passObserver =
  (model: string, { onPass, onDump, dumpAfter = [] }: Partial<CompileOptions>) =>
  (pass: string, graph: Graph): void => {
    onPass?.(model, pass, graph.nodes.length);
    if (dumpAfter.includes(pass)) onDump?.(model, pass, print(graph));
  };
