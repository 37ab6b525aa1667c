import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Graph, Node, ValueId } from '../../src/ir/graph.js';
import { symbol } from '../../src/ir/scalar.js';
import { parse } from '../../src/ir/text/parse.js';
import { InvalidGraph, verify } from '../../src/ir/verify.js';
import { randomGraph } from './random-graph.js';

const base = parse(`graph @g (n in 1..8) {
  %0 : f32[n, 4] = input as "x"
  %c0 : f32[2, 4] = const random(1)
  %1 : f32[n, 2] = linear(%0, %c0, _) {activation = none} from "/proj"
  %2 : f32[n, 2] = unary(%1) {fn = relu} from "/act"
  output "y" = %2
}`);

const withNode = (index: number, change: (node: Node) => object): Graph => ({
  ...base,
  nodes: base.nodes.map((node, i) => (i === index ? ({ ...node, ...change(node) } as Node) : node)),
});
const withValue = (index: number, type: object): Graph => {
  const value = base.values.get(index as ValueId)!;
  return { ...base, values: new Map([...base.values, [value.id, { ...value, type: { ...value.type, ...type } }]]) };
};

describe('the verifier', () => {
  it('accepts what the editor builds', () => {
    verify(base);
    fc.assert(fc.property(randomGraph, verify), { numRuns: 50 });
  });

  const cases: readonly (readonly [string, Graph, RegExp])[] = [
    [
      'an order that breaks SSA',
      { ...base, nodes: [...base.nodes].reverse() },
      /node 0, unary \(\/act\): operand %2 is used before/,
    ],
    [
      'an operand that does not exist',
      withNode(1, () => ({ operands: [99] })),
      /unary \(\/act\): operand %99 does not exist/,
    ],
    ['a second definition', { ...base, nodes: [...base.nodes, base.nodes[1]!] }, /result %3 is defined twice/],
    [
      'a missing operand',
      withNode(0, (node) => ({ operands: node.operands.slice(0, 1) })),
      /linear \(\/proj\): operand weight is missing/,
    ],
    ['a null for a required operand', withNode(1, () => ({ operands: [null] })), /operand x is missing/],
    [
      'too many operands',
      withNode(1, (node) => ({ operands: [node.operands[0]!, node.operands[0]!] })),
      /at most 1 operands, found 2/,
    ],
    [
      'a result type that is not the inferred one',
      withValue(2, { shape: [symbol('n'), 3] }),
      /result 0 should be f32\[n, 2\], found f32\[n, 3\]/,
    ],
    ['operands that do not fit', withValue(1, { shape: [2, 5] }), /linear \(\/proj\): columns of weight/],
    ['a constant of symbolic shape', withValue(1, { shape: [symbol('n'), 4] }), /its shape is not static/],
    ['a symbol without bounds', { ...base, bounds: {} }, /input "x": symbolic dimension "n" has no bounds/],
    ['empty bounds', { ...base, bounds: { n: { min: 2, max: 1 } } }, /symbol "n": no value lies in 2..1/],
    ['a missing attribute', withNode(1, () => ({ attrs: {} })), /attribute fn is missing/],
    [
      'an attribute of another kind',
      withNode(1, () => ({ attrs: { fn: 'flip' } })),
      /attribute fn is not of kind enum/,
    ],
    ['an unknown attribute', withNode(1, () => ({ attrs: { fn: 'relu', axis: 1 } })), /there is no attribute axis/],
    ['an unknown op', withNode(1, () => ({ op: 'flip' })), /node 1, flip \(\/act\): there is no op/],
    [
      'an output that is not defined',
      { ...base, outputs: [{ name: 'y', value: 42 as ValueId }] },
      /output "y": %42 is not defined/,
    ],
    ['no outputs', { ...base, outputs: [] }, /no outputs/],
    ['outputs of one name', { ...base, outputs: [...base.outputs, ...base.outputs] }, /two outputs have this name/],
  ];
  it.each(cases)('refuses %s', (_, graph, cause) => {
    expect(() => verify(graph)).toThrow(InvalidGraph);
    expect(() => verify(graph)).toThrow(cause);
  });
});
