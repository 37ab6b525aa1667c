import type { Graph } from '../ir/graph.js';
import { verify } from '../ir/verify.js';

/**
 * A step of compilation: a program in, an equivalent program out. File name = pass name = name of its test = name on
 * the command line. A pass that needs parameters is made by a function that takes them.
 */
export interface Pass {
  readonly name: string;
  readonly run: (graph: Graph) => Graph;
}

export interface PipelineOptions {
  /** Names of the passes after which `onDump` gets the program; `all` for every pass. */
  readonly dumpAfter?: readonly string[] | 'all';
  readonly onDump?: (pass: string, graph: Graph) => void;
}

/** A pass that failed, or left a program that breaks a rule of the IR. */
export class PassError extends Error {
  override readonly name = 'PassError';
  constructor(
    readonly pass: string,
    cause: unknown,
  ) {
    super(`pass ${pass}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/**
 * Runs passes in order, with the verifier on what comes in and after each.
 *
 * @throws PassError naming the pass that broke the program
 * @throws RangeError for a name in `dumpAfter` that is no pass of the pipeline
 */
export function runPipeline(graph: Graph, pipeline: readonly Pass[], options: PipelineOptions = {}): Graph {
  const { dumpAfter = [], onDump } = options;
  if (dumpAfter !== 'all')
    for (const name of dumpAfter)
      if (!pipeline.some((pass) => pass.name === name))
        throw new RangeError(`no pass is called ${name}; there are ${pipeline.map((pass) => pass.name).join(', ')}`);
  verify(graph);
  let current = graph;
  for (const pass of pipeline) {
    try {
      current = pass.run(current);
      verify(current);
    } catch (error) {
      throw new PassError(pass.name, error);
    }
    if (dumpAfter === 'all' || dumpAfter.includes(pass.name)) onDump?.(pass.name, current);
  }
  return current;
}
