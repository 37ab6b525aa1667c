import type { Editor } from '../ir/edit.js';
import type { Node, NodeOf, ValueId } from '../ir/graph.js';
import { scalarsEqual } from '../ir/scalar.js';
import type { Pass } from './pass.js';
import { hasOneUser, type Rule, rewrite } from './rewrite.js';

/**
 * What follows a product, done on its way to memory: relu and (exact) gelu after linear and conv, a residual after
 * linear. Only where nothing else reads the product. Exact: the same operations in the same order.
 */
export const fuseEpilogue: Pass = {
  name: 'fuse-epilogue',
  run: (graph) =>
    rewrite(graph, {
      unary: [activate('relu', (node) => node.op === 'unary' && node.attrs.fn === 'relu')],
      gelu: [activate('gelu', (node) => node.op === 'gelu' && node.attrs.approximation === 'none')],
      binary: [addResidual],
    }),
};

/** act(linear(x)) → linear{act}(x), the same for conv */
const activate =
  (activation: 'relu' | 'gelu', applies: (node: Node) => boolean): Rule =>
  (editor, node) => {
    const [value] = node.operands as [ValueId];
    const product = editor.definition(value);
    if (!applies(node) || !hasOneUser(editor, value)) return undefined;
    const options = { source: product?.source ?? '', names: [editor.name(node.results[0]!)] };
    if (product?.op === 'linear' && product.attrs.activation === 'none' && product.operands[3] == null)
      return editor.emitOne('linear', product.operands, { activation }, options);
    if (product?.op === 'conv' && product.attrs.activation === 'none' && editor.type(value).dtype === 'f32')
      return editor.emitOne('conv', product.operands, { ...product.attrs, activation }, options);
    return undefined;
  };

const sameShape = (editor: Editor, a: ValueId, b: ValueId): boolean => {
  const [x, y] = [editor.type(a).shape, editor.type(b).shape];
  return x.length === y.length && x.every((dim, i) => scalarsEqual(dim, y[i]!));
};

/** linear(x) + r → linear(x, residual r), r of the same shape */
const addResidual: Rule = (editor, node) => {
  if ((node as NodeOf<'binary'>).attrs.fn !== 'add') return undefined;
  const [a, b] = node.operands as [ValueId, ValueId];
  for (const [value, residual] of [
    [b, a],
    [a, b],
  ] as const) {
    const linear = editor.definition(value);
    if (linear?.op !== 'linear' || linear.operands[3] != null) continue;
    if (!hasOneUser(editor, value) || !sameShape(editor, value, residual)) continue;
    const [x, weight, bias] = linear.operands;
    return editor.emitOne('linear', [x!, weight!, bias ?? null, residual], linear.attrs, {
      source: linear.source,
      names: [editor.name(node.results[0]!)],
    });
  }
  return undefined;
};
