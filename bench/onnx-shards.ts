/**
 * Cuts an ONNX model where only one value is on its way from what comes before to what comes behind, so that a model too
 * large for onnxruntime at once is run piece by piece.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { onnx } from '../src/ir/onnx/proto.js';
import type { ModelProto, NodeProto } from './onnx-writer.js';

/** A piece of a model: reads one value, gives one. */
export interface Shard {
  readonly file: string;
  readonly input: string;
  readonly output: string;
}

/** Products by which pieces are made alike. */
const HEAVY = new Set(['MatMul', 'Gemm', 'Conv']);

interface Cut {
  readonly value: string;
  /** Heavy nodes before it. */
  readonly heavy: number;
}

/** Places where one value alone, computed from the model's input, is read by what follows. */
function cutsOf(nodes: readonly NodeProto[], input: string, output: string): readonly Cut[] {
  const lastRead = new Map<string, number>();
  for (const [at, node] of nodes.entries()) for (const name of node.input ?? []) lastRead.set(name, at);
  lastRead.set(output, nodes.length);
  const live = new Set([input]);
  const computed = new Set([input]);
  const cuts: Cut[] = [];
  let heavy = 0;
  for (const [at, node] of nodes.entries()) {
    if (HEAVY.has(node.opType ?? '')) heavy++;
    if ((node.input ?? []).some((name) => computed.has(name)))
      for (const name of node.output ?? []) {
        computed.add(name);
        if ((lastRead.get(name) ?? -1) > at) live.add(name);
      }
    for (const name of live) if ((lastRead.get(name) ?? -1) <= at) live.delete(name);
    const [value] = live;
    if (live.size === 1 && value !== undefined && cuts.at(-1)?.value !== value) cuts.push({ value, heavy });
  }
  return cuts;
}

/** What computes `output` from `input` and constants, in order. */
function between(nodes: readonly NodeProto[], input: string, output: string): readonly NodeProto[] {
  const wanted = new Set([output]);
  const chosen = new Set<NodeProto>();
  for (const node of [...nodes].reverse()) {
    if (!(node.output ?? []).some((name) => wanted.has(name) && name !== input)) continue;
    chosen.add(node);
    for (const name of node.input ?? []) wanted.add(name);
  }
  return nodes.filter((node) => chosen.has(node));
}

/**
 * Writes the pieces beside the model, whose external data they share.
 *
 * @param count pieces that are wanted; there are fewer where the model has fewer places to cut
 * @throws for a model of several inputs or outputs
 */
export function cutModel(file: string, count: number): readonly Shard[] {
  const model: ModelProto = onnx.ModelProto.decode(readFileSync(file));
  const graph = model.graph;
  const [given, result] = [graph?.input?.[0]?.name, graph?.output?.[0]?.name];
  if (!graph || !given || !result || graph.input?.length !== 1 || graph.output?.length !== 1)
    throw new Error(`${file}: a model of one input and one output is expected`);
  const nodes = graph.node ?? [];
  const all = cutsOf(nodes, given, result);
  const total = all.at(-1)?.heavy ?? 0;
  const ends = new Set<string>();
  for (let i = 1; i < count; i++) {
    const cut = all.find(({ heavy }) => heavy >= (i * total) / count);
    if (cut && cut.value !== given) ends.add(cut.value);
  }
  ends.delete(result);
  const points = [given, ...ends, result];
  return points.slice(1).map((output, i): Shard => {
    const input = points[i]!;
    const node = [...between(nodes, input, output)];
    const read = new Set(node.flatMap((each) => each.input ?? []));
    const initializer = (graph.initializer ?? []).filter(({ name }) => read.has(name ?? ''));
    const valueOf = (name: string) => ({ name, type: { tensorType: { elemType: 1 } } });
    const whole = { ...graph, node, initializer, valueInfo: [] };
    const shard = {
      ...model,
      graph: {
        ...whole,
        input: [graph.input?.find(({ name }) => name === input) ?? valueOf(input)],
        output: [graph.output?.find(({ name }) => name === output) ?? valueOf(output)],
      },
    };
    const path = join(dirname(file), `shard-${count}-${i}.onnx`);
    writeFileSync(path, onnx.ModelProto.encode(onnx.ModelProto.fromObject(shard)).finish());
    return { file: path, input, output };
  });
}
