import { type Graph, typeOf, type ValueId, valueOf } from './ir/graph.js';
import { scalarKey } from './ir/scalar.js';
import {
  type DecoderFace,
  decoderFace,
  type EncoderFace,
  encoderFace,
  type ModelFace,
  type TensorFace,
} from './sam-interface.js';

/** What a graph is in a pair of models of the Segment Anything family, by names and shapes. */
export type SamModel =
  | ({ readonly role: 'encoder' } & EncoderFace)
  | ({ readonly role: 'decoder' } & DecoderFace)
  | { readonly role: 'other' };

export function describeSam(graph: Graph): SamModel {
  const face = faceOf(graph);
  const encoder = encoderFace(face);
  if (encoder) return { role: 'encoder', ...encoder };
  const decoder = decoderFace(face);
  return decoder ? { role: 'decoder', ...decoder } : { role: 'other' };
}

function faceOf(graph: Graph): ModelFace {
  const tensor = (name: string, value: ValueId): TensorFace => {
    const { dtype, shape } = typeOf(graph, value);
    return { name, dtype, shape: shape.map((dim) => (typeof dim === 'number' ? dim : scalarKey(dim))) };
  };
  return {
    inputs: graph.inputs.map((id) => tensor(valueOf(graph, id).name, id)),
    outputs: graph.outputs.map(({ name, value }) => tensor(name, value)),
  };
}
