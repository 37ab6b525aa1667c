import { type Graph, typeOf, valueOf } from './ir/graph.js';

/** What a graph is in SAM's pair of models, by the names and shapes of SAM's own ONNX example. */
export type SamModel =
  | { readonly role: 'encoder'; readonly image: string; readonly side: number; readonly embeddings: string }
  | { readonly role: 'decoder'; readonly side: number }
  | { readonly role: 'other' };

/** Inputs of SAM's ONNX decoder. */
export const DECODER_INPUTS = [
  'image_embeddings',
  'point_coords',
  'point_labels',
  'mask_input',
  'has_mask_input',
  'orig_im_size',
] as const;

/** Pixels of the model's frame for one element of the embedding: SAM's patches are 16×16. */
const PATCH = 16;

export function describeSam(graph: Graph): SamModel {
  const inputs = graph.inputs.map((id) => ({ name: valueOf(graph, id).name, shape: typeOf(graph, id).shape }));
  const [first] = inputs;
  if (inputs.length === 1 && first?.shape.length === 4 && first.shape[1] === 3 && typeof first.shape[2] === 'number')
    return { role: 'encoder', image: first.name, side: first.shape[2], embeddings: graph.outputs[0]!.name };
  const embeddings = inputs.find(({ name }) => name === 'image_embeddings');
  const isDecoder = embeddings !== undefined && inputs.some(({ name }) => name === 'point_coords');
  const height = embeddings?.shape[2];
  if (isDecoder && typeof height === 'number') return { role: 'decoder', side: height * PATCH };
  return { role: 'other' };
}
