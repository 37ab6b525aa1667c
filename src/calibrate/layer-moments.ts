import { type Editor, editGraph } from '../ir/edit.js';
import { type Graph, type NodeOf, type ValueId, valueOf } from '../ir/graph.js';
import { add, call, type Dim, divideExact, product } from '../ir/scalar.js';
import { type QuantizableNode as Layer, type QuantizationPlan, quantized } from '../passes/insert-quantize.js';
import type { CodedLayers } from './correct-bias.js';
import type { RunSamples } from './run-samples.js';

/** Input channels of a layer (taps times channels of a convolution) up to which k² memory and k³ work are worth it. */
const MAX_CHANNELS = 4096;
/** Taps of a convolution up to which its patches are spelled out. */
const MAX_TAPS = 25;
/** Rows for each input channel that second moments should be of: a decoder's prompt gives a handful. */
const ROWS_PER_CHANNEL = 8;
/** At most so many times the samples that other choices take. */
const MOST_TIMES = 8;

/** Samples that second moments of matrices [rows, k], so much a sample, are taken of: `limit`, or more for few rows. */
export function momentSamples(matrices: readonly { readonly rows: Dim; readonly k: number }[], limit: number): number {
  const wanted = matrices.map(({ rows, k }) => (ROWS_PER_CHANNEL * k) / (typeof rows === 'number' ? rows : 1));
  return Math.min(MOST_TIMES * limit, Math.ceil(Math.max(limit, ...wanted)));
}

/**
 * What least squares needs to know of a layer, over samples: X̂ [rows, k] is what the layer reads, as codes of its exact
 * input have it, T [rows, n] what it should give, its exact result before activation and residual. A column of ones stands
 * behind those of X̂: with it come the sums of X̂ and T and the number of rows.
 */
export interface LayerMoments {
  readonly layer: Layer;
  readonly n: number;
  readonly k: number;
  /** [X̂ 1]ᵀ[X̂ 1], [k + 1, k + 1]. Layers that read one value share it. */
  readonly gram: Float64Array;
  /** [X̂ 1]ᵀT, [k + 1, n]. */
  readonly cross: Float64Array;
}

/** Rows [m, k] that a layer multiplies by its weights: of a convolution patches, taps before channels. */
function rowsOf(editor: Editor, layer: Layer, value: ValueId): ValueId {
  const { shape } = editor.type(value);
  const flat = (x: ValueId, k: number): ValueId =>
    editor.emitOne('reshape', [x], { shape: [divideExact(product(editor.type(x).shape), k), k] });
  if (layer.op === 'linear') return flat(value, shape.at(-1) as number);
  const { strides, dilations, pads_before, pads_after } = layer.attrs;
  const [, kernelH, kernelW, channels] = editor.type(layer.operands[1]!).shape as [number, number, number, number];
  const padded = editor.emitOne('pad', [value, null], {
    mode: 'constant',
    before: [0, ...pads_before, 0],
    after: [0, ...pads_after, 0],
  });
  const whole = editor.type(padded).shape;
  const counts = [kernelH, kernelW].map((kernel, axis) => {
    const reach = (kernel - 1) * dilations[axis]! + 1;
    return add(call('floor_div', add(whole[1 + axis]!, -reach), strides[axis]!), 1);
  });
  const taps = Array.from({ length: kernelH * kernelW }, (_, tap) =>
    editor.emitOne('slice', [padded], {
      starts: [0, Math.floor(tap / kernelW) * dilations[0]!, (tap % kernelW) * dilations[1]!, 0],
      sizes: [whole[0]!, ...counts, channels],
      steps: [1, ...strides, 1],
    }),
  );
  return flat(editor.emitOne('concat', taps, { axis: 3 }), taps.length * channels);
}

/** What a layer gives in the float program, before activation and residual. */
function targetOf(editor: Editor, layer: Layer): ValueId {
  const operands = [...layer.operands.slice(0, 2), layer.operands[2] ?? null];
  return layer.op === 'linear'
    ? editor.emitOne('linear', operands, { activation: 'none' })
    : editor.emitOne('conv', operands, { ...layer.attrs, activation: 'none' });
}

/** Layers of a plan that least squares is worth it for. */
function layersOf(graph: Graph, layers: QuantizationPlan['layers']): readonly Layer[] {
  return graph.nodes.filter((node): node is NodeOf<'linear'> | NodeOf<'conv'> => {
    if ((node.op !== 'linear' && node.op !== 'conv') || !layers.has(node.results[0]!)) return false;
    const [, ...inner] = valueOf(graph, node.operands[1]!).type.shape as readonly number[];
    const taps = inner.slice(0, -1).reduce((a, b) => a * b, 1);
    return taps <= MAX_TAPS && taps * inner.at(-1)! <= MAX_CHANNELS;
  });
}

/** Moments of every layer of a plan. */
export async function layerMoments(
  graph: Graph,
  layers: QuantizationPlan['layers'],
  codesOf: CodedLayers['codesOf'],
  run: RunSamples,
  limit: number,
): Promise<readonly LayerMoments[]> {
  const editor = editGraph({ ...graph, outputs: [] });
  const one = editor.addTensor({ dtype: 'f32', shape: [], data: Float32Array.of(1) }, '');
  const columns = new Map<string, ValueId>();
  /** [X̂ 1]ᵀ; the product with itself is an output when it is first asked for. */
  const columnsOf = (name: string, layer: Layer): ValueId => {
    const known = columns.get(name);
    if (known !== undefined) return known;
    const [x] = layer.operands as [ValueId];
    const codes = quantized(editor, x, codesOf(x));
    const rows = rowsOf(editor, layer, editor.emitOne('dequantize', [codes], { quant: editor.type(codes).quant! }));
    const withOnes = editor.emitOne('pad', [rows, one], { mode: 'constant', before: [0, 0], after: [0, 1] });
    const made = editor.emitOne('transpose', [withOnes], { perm: [1, 0] });
    columns.set(name, made);
    editor.output(name, editor.emitOne('matmul', [made, withOnes], {}));
    return made;
  };
  const read = layersOf(graph, layers).map((layer) => {
    editor.at(layer);
    const gram = `gram_${layer.operands[0]}${layer.op === 'conv' ? `_${layer.results[0]}` : ''}`;
    const cross = `cross_${layer.results[0]}`;
    const made = columnsOf(gram, layer);
    const [k, rows] = editor.type(made).shape as [number, Dim];
    const target = targetOf(editor, layer);
    const n = editor.type(target).shape.at(-1) as number;
    editor.output(
      cross,
      editor.emitOne('matmul', [made, editor.emitOne('reshape', [target], { shape: [rows, n] })], {}),
    );
    return { layer, n, k: k - 1, rows, gram, cross };
  });
  if (read.length === 0) return [];
  const sums = new Map<string, Float64Array>();
  await run(
    editor.finish(),
    'moments',
    (outputs) => {
      for (const [name, { data }] of outputs) {
        const sum = sums.get(name) ?? new Float64Array(data.length);
        for (let i = 0; i < data.length; i++) sum[i]! += data[i] as number;
        sums.set(name, sum);
      }
    },
    momentSamples(read, limit),
  );
  return read.map(({ layer, n, k, gram, cross }) => ({ layer, n, k, gram: sums.get(gram)!, cross: sums.get(cross)! }));
}
