import type { Editor } from '../ir/edit.js';
import type { NodeOf, ValueId } from '../ir/graph.js';
import { scalarsEqual } from '../ir/scalar.js';
import type { Pass } from './pass.js';
import { hasOneUser, type Rule, rewrite } from './rewrite.js';

/**
 * Bilinear resizes of planes, one after the other, become one op that never holds what lies between: SAM brings masks to the
 * size of the model's picture (16 MB) and from there to the user's. Exact.
 */
export const fuseResizes: Pass = {
  name: 'fuse-resizes',
  run: (graph) => rewrite(graph, { resize: [fuse] }),
};

type Resize = NodeOf<'resize'>;
type Coordinates = Extract<Resize['attrs']['coordinates'], 'half_pixel' | 'asymmetric'>;

/** The coordinates of a bilinear resize of the last two axes alone. */
function planar(editor: Editor, { operands: [x], attrs }: Resize): Coordinates | undefined {
  const { mode, antialias, coordinates, scales, sizes } = attrs;
  if (mode !== 'linear' || antialias || (coordinates !== 'half_pixel' && coordinates !== 'asymmetric'))
    return undefined;
  const { dtype, shape } = editor.type(x!);
  const kept = (axis: number): boolean => scalarsEqual(shape[axis]!, sizes[axis]!) && (scales?.[axis] ?? 1) === 1;
  const last = shape.length - 1;
  const changes = shape.flatMap((_, axis) => (kept(axis) ? [] : [axis]));
  return dtype === 'f32' && changes.length > 0 && changes.every((axis) => axis >= last - 1) ? coordinates : undefined;
}

/** resize(resize(x)) → resize_twice(x) */
const fuse: Rule = (editor, node) => {
  const second = node as Resize;
  const first = editor.definition(second.operands[0] as ValueId);
  if (first?.op !== 'resize' || !hasOneUser(editor, first.results[0]!)) return undefined;
  const coordinates = planar(editor, second);
  if (coordinates === undefined || planar(editor, first) !== coordinates) return undefined;
  return editor.emitOne(
    'resize_twice',
    first.operands,
    {
      coordinates,
      first_scales: first.attrs.scales,
      between: first.attrs.sizes,
      scales: second.attrs.scales,
      sizes: second.attrs.sizes,
    },
    { source: second.source, names: [editor.name(second.results[0]!)] },
  );
};
