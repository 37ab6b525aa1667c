import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editGraph, emptyGraph } from '../../src/ir/edit.js';
import type { Constant, Graph, ValueId } from '../../src/ir/graph.js';
import { element, scalarKey, symbol } from '../../src/ir/scalar.js';
import { formatFloat32 } from '../../src/ir/text/format.js';
import { parse, TextError } from '../../src/ir/text/parse.js';
import { print } from '../../src/ir/text/print.js';
import { typeKey } from '../../src/ir/types.js';
import { verify } from '../../src/ir/verify.js';
import { randomGraph } from './random-graph.js';

/** Everything a program says, with values numbered in program order. */
function content(graph: Graph): unknown {
  const numbers = new Map<ValueId, number>();
  const number = (id: ValueId | null): number | null => {
    if (id === null) return null;
    const known = numbers.get(id) ?? numbers.size;
    numbers.set(id, known);
    return known;
  };
  const value = (id: ValueId): unknown => {
    const { type, name } = graph.values.get(id)!;
    return [number(id), typeKey(type), name, graph.constants.get(id)?.load()];
  };
  return JSON.stringify(
    {
      name: graph.name,
      bounds: graph.bounds,
      inputs: graph.inputs.map(value),
      nodes: graph.nodes.map((node) => ({
        ...node,
        operands: node.operands.map((id) => (id === null ? null : value(id))),
        results: node.results.map(value),
      })),
      outputs: graph.outputs.map(({ name, value: id }) => [name, value(id)]),
    },
    (_, field) =>
      typeof field === 'bigint'
        ? String(field)
        : field !== null && typeof field === 'object' && 'kind' in field
          ? scalarKey(field)
          : field,
  );
}

const resolverOf = (graph: Graph) => {
  const byHash = new Map<string, Constant>();
  const text = print(graph);
  const opaque = parse(text);
  const originals = [...graph.constants.values()];
  for (const constant of opaque.constants.values()) {
    try {
      constant.load();
    } catch (error) {
      const hash = /sha256:([0-9a-f]+)/.exec(String(error))?.[1] ?? '';
      byHash.set(hash, originals.find((original) => print(withConstant(original, graph)).includes(hash))!);
    }
  }
  return (hash: string): Constant | undefined => byHash.get(hash);
};

const withConstant = (constant: Constant, graph: Graph): Graph => {
  const editor = editGraph(emptyGraph('g', graph.bounds));
  const { dtype, shape } = constant.load();
  editor.output('o', editor.addConstant({ dtype, shape }, '', constant.load));
  return editor.finish();
};

describe('the text form', () => {
  it('reads back equal, for random programs', () => {
    fc.assert(
      fc.property(randomGraph, (graph) => {
        const text = print(graph);
        const again = parse(text, resolverOf(graph));
        expect(print(again)).toBe(text);
        expect(content(again)).toBe(content(graph));
        verify(again);
      }),
      { numRuns: 150 },
    );
  });

  it('prints values by program order and constants by first use', () => {
    const text = `graph @decoder (num_points in 1..8) {
  %0 : f32[1, num_points, 3] = input as "points"
  %c0 : f32[2, 3] = const [1, 0.1, -0, inf, 2, -3.5] as "weight"
  %1 : f32[1, num_points, 2] = linear(%0, %c0, _) {activation = gelu} from "/mlp \\"0\\""
  %2 : f32[1, 2*num_points + 5] = pad(%1) {mode = edge, before = [0, 0], after = [0, 5]}
  output "low res" = %2
}
`;
    expect(print(parse(text))).toBe(text);
  });

  it('keeps element scalars, quantized types and wide integers', () => {
    const text = `graph @g (orig_im_size in 1..4096) {
  %0 : i64[2] = input as "orig_im_size"
  %c0 : i64[2] = const [9007199254740993, -9223372036854775808]
  %1 : i64[2] = binary(%0, %c0) {fn = add}
  %2 : f32[1] = scalars() {values = [mul_f32(orig_im_size[0] : f32, 0.5)], shape = [1], dtype = f32}
  %3 : f32[floor_div(3*orig_im_size[1] + 1, 2)] = expand(%2) {shape = [floor_div(3*orig_im_size[1] + 1, 2)]}
  output "a" = %1
  output "b" = %3
  %c1 : u8[1] quant(0.25, 7, 4) = const [255]
  output "c" = %c1
}
`;
    expect(print(parse(text))).toBe(text);
  });

  it('elides large constants to their sha256, and gives them to a resolver to find', () => {
    const editor = editGraph(emptyGraph('g', {}));
    const data = Float32Array.from({ length: 32 }, (_, i) => i);
    editor.output('o', editor.addTensor({ dtype: 'f32', shape: [32], data }, 'w'));
    const text = print(editor.finish());
    expect(text).toMatch(/const sha256:[0-9a-f]{64} as "w"/);
    const opaque = parse(text);
    expect(print(opaque)).toBe(text);
    expect(() => [...opaque.constants.values()][0]!.load()).toThrow(/resolver/);
    const found = parse(text, () => ({ load: () => ({ dtype: 'f32', shape: [32], data }) }));
    expect([...found.constants.values()][0]!.load().data).toBe(data);
  });

  it('escapes names so that none can end its line', () => {
    const editor = editGraph(emptyGraph('a"\n} evil', { 'x y': { min: 0, max: 2 } }));
    editor.output('\u2028"', editor.input('\\"\n', { dtype: 'f32', shape: [symbol('x y'), element('n\n', 0, 'int')] }));
    const text = print(editor.finish());
    expect(text.split('\n')).toHaveLength(5);
    expect(print(parse(text))).toBe(text);
  });

  it.each([
    ['graph @g () { %0 : f32[2] = inptu }', 1, 29, /unknown operation inptu/],
    ['graph @g () {\n  %0 : f32[2] = unary(%1) {fn = abs}\n}', 2, 23, /%1 is not defined/],
    ['graph @g () {\n  %0 : f33[2] = input\n}', 2, 8, /expected an element type, found f33/],
    ['graph @g () {\n  %0 : f32[2] = input\n  %0 : f32[2] = input\n}', 3, 3, /%0 is defined twice/],
    ['graph @g () {\n  %0 : f32[2] = input\n  %1 : f32[2] = unary(%0) {fn = flip}\n}', 3, 33, /one of abs/],
    ['graph @g () {\n  %0 : f32[2] = input\n  %1 : f32[2] = unary(%0) {fm = abs}\n}', 3, 28, /no attribute fm/],
    ['graph @g () {\n  %0 : f32[2] = input\n  %1 : f32[2] = unary(%0)\n}', 3, 17, /needs the attribute fn/],
    ['graph @g () {\n  %0 : f32[3] = const [1, 2]\n}', 2, 23, /expected 3 elements, found 2/],
    ['graph @g () {\n  ?\n}', 2, 3, /unexpected character/],
    ['graph @g () {', 1, 14, /found the end/],
  ])('says where %j goes wrong', (text, line, column, cause) => {
    const error = (() => {
      try {
        parse(text);
        return undefined;
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(TextError);
    expect(error).toMatchObject({ line, column, message: expect.stringMatching(cause) });
  });

  it('writes float32 in the fewest digits that read back', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (x) =>
        Object.is(Math.fround(Number(formatFloat32(x).replace('inf', 'Infinity'))), x),
      ),
    );
    expect(formatFloat32(Math.fround(0.1))).toBe('0.1');
  });
});
