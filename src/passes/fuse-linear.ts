import type { Editor } from '../ir/edit.js';
import type { NodeOf, ValueId } from '../ir/graph.js';
import { type Dim, isStatic, multiply, scalarsEqual } from '../ir/scalar.js';
import { elementCount } from '../ir/types.js';
import type { Pass } from './pass.js';
import { hasOneUser, type Rule, rewrite } from './rewrite.js';

/**
 * Products with constant weights become `linear`, with weight [n, k]:
 * matmul(x, W) (+ bias), as MatMul and Gemm give; convolutions of kernel 1; transposed convolutions whose kernel is
 * their stride, as a linear to every pixel of the k×k block and a depth-to-space view. Convolutions whose kernel is
 * their stride stay: they read each pixel once as they are. Within 1e-5·max: sums are taken in another order.
 */
export const fuseLinear: Pass = {
  name: 'fuse-linear',
  run: (graph) =>
    rewrite(graph, { matmul: [fromMatmul], conv: [fromConv], conv_transpose: [fromConvTranspose], binary: [addBias] }),
};

const isFloatConstant = (editor: Editor, value: ValueId): boolean =>
  editor.constant(value) !== undefined && editor.type(value).dtype === 'f32';

/** x · W → linear(x, Wᵀ) */
const fromMatmul: Rule = (editor, node) => {
  const [x, weight] = node.operands as [ValueId, ValueId];
  if (!isFloatConstant(editor, weight) || editor.constant(x) !== undefined) return undefined;
  const { shape } = editor.type(weight);
  const [k, n] = shape.slice(-2) as [Dim, Dim];
  if (shape.length > editor.type(x).shape.length || !shape.slice(0, -2).every((dim) => dim === 1)) return undefined;
  const names = [editor.name(weight)];
  const flat = shape.length === 2 ? weight : editor.emitOne('reshape', [weight], { shape: [k, n] }, { names });
  const rows = editor.emitOne('transpose', [flat], { perm: [1, 0] }, { names });
  return editor.emitOne(
    'linear',
    [x, rows, null, null],
    { activation: 'none' },
    { names: [editor.name(node.results[0]!)] },
  );
};

/** linear(x, W) + b → linear(x, W, b), b a constant [n] or [1, …, n] */
const addBias: Rule = (editor, node) => {
  const { attrs } = node as NodeOf<'binary'>;
  if (attrs.fn !== 'add') return undefined;
  for (const [value, bias] of [node.operands, [...node.operands].reverse()] as [ValueId, ValueId][]) {
    const linear = editor.definition(value);
    if (linear?.op !== 'linear' || linear.operands[2] != null || linear.operands[3] != null) continue;
    if (linear.attrs.activation !== 'none' || !hasOneUser(editor, value) || !isFloatConstant(editor, bias)) continue;
    const { shape } = editor.type(bias);
    const result = editor.type(value).shape;
    const channels = result.at(-1)!;
    if (shape.length === 0 || shape.length > result.length || !scalarsEqual(shape.at(-1)!, channels)) continue;
    if (!shape.slice(0, -1).every((dim) => dim === 1)) continue;
    const flat =
      shape.length === 1
        ? bias
        : editor.emitOne('reshape', [bias], { shape: [channels] }, { names: [editor.name(bias)] });
    const [x, weight] = linear.operands;
    // The product's node names the layer; the sum only its bias.
    const options = { source: linear.source, names: [editor.name(node.results[0]!)] };
    return editor.emitOne('linear', [x!, weight!, flat, null], linear.attrs, options);
  }
  return undefined;
};

const all = (values: readonly number[], wanted: number): boolean => values.every((value) => value === wanted);

/** A kernel of one pixel reads one pixel: rows of the weight are its output channels. */
const fromConv: Rule = (editor, node) => {
  const { attrs, operands } = node as NodeOf<'conv'>;
  const [x, weight, bias] = operands as [ValueId, ValueId, ValueId | null | undefined];
  const { shape, dtype } = editor.type(weight);
  if (dtype !== 'f32' || attrs.groups !== 1 || !shape.slice(1, -1).every((dim) => dim === 1)) return undefined;
  if (!all(attrs.strides, 1) || !all(attrs.pads_before, 0) || !all(attrs.pads_after, 0)) return undefined;
  const rows = editor.emitOne(
    'reshape',
    [weight],
    { shape: [shape[0]!, shape.at(-1)!] },
    { names: [editor.name(weight)] },
  );
  return editor.emitOne(
    'linear',
    [x, rows, bias ?? null, null],
    { activation: attrs.activation },
    { names: [editor.name(node.results[0]!)] },
  );
};

/**
 * Where kernel = stride no two input pixels meet: y[s·k + i] = W[:, i]ᵀ x[s] + b. So: linear to [k…, o] at each pixel,
 * then the kernel's axes between the spatial ones.
 */
const fromConvTranspose: Rule = (editor, node) => {
  const { attrs, operands } = node as NodeOf<'conv_transpose'>;
  const [x, weight, bias] = operands as [ValueId, ValueId, ValueId | null | undefined];
  const { shape, dtype } = editor.type(weight);
  if (dtype !== 'f32' || attrs.groups !== 1 || !isStatic(shape)) return undefined;
  const [c, ...rest] = shape as readonly [number, ...number[]];
  const kernel = rest.slice(0, -1);
  const out = rest.at(-1)!;
  const fits =
    kernel.every((size, i) => size === attrs.strides[i]) &&
    all(attrs.dilations, 1) &&
    all([...attrs.pads_before, ...attrs.pads_after, ...attrs.output_padding], 0);
  if (!fits) return undefined;

  const block = elementCount(kernel);
  const names = [editor.name(weight)];
  const flat = editor.emitOne('reshape', [weight], { shape: [c, block * out] }, { names });
  const rows = editor.emitOne('transpose', [flat], { perm: [1, 0] }, { names });
  const y = editor.emitOne('linear', [x, rows, bias == null ? null : repeat(editor, bias, block, out), null], {
    activation: 'none',
  });
  const [batch, ...spatial] = editor.type(x).shape.slice(0, -1) as [Dim, ...Dim[]];
  const rank = spatial.length;
  const blocks = editor.emitOne('reshape', [y], { shape: [batch, ...spatial, ...kernel, out] });
  const perm = [0, ...spatial.flatMap((_, i) => [1 + i, 1 + rank + i]), 1 + 2 * rank];
  const interleaved = editor.emitOne('transpose', [blocks], { perm });
  const size = spatial.map((dim, i) => multiply(dim, kernel[i]!));
  return editor.emitOne('reshape', [interleaved], { shape: [batch, ...size, out] });
};

/** [o] → [times·o] */
function repeat(editor: Editor, bias: ValueId, times: number, out: number): ValueId {
  const names = [editor.name(bias)];
  const tiled = editor.emitOne('expand', [bias], { shape: [times, out] }, { names });
  return editor.emitOne('reshape', [tiled], { shape: [times * out] }, { names });
}
