import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type CliResult, cli } from '../cli/run.js';
import { encodeModel, f32, i64, type ModelSpec } from '../ir/onnx/build-model.js';

/** Models that claim what they do not hold: each is refused with one message that names the file, the node and the cause. */

const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-models-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function compileBytes(bytes: Uint8Array, ...args: readonly string[]): Promise<CliResult> {
  const folder = mkdtempSync(join(scratch, 'model-'));
  writeFileSync(join(folder, 'model.onnx'), bytes);
  return cli(
    'compile',
    join(folder, 'model.onnx'),
    '-o',
    join(folder, 'out'),
    '--bits',
    'f32',
    '--target',
    'c99',
    ...args,
  );
}

const vector = { dtype: 'f32', shape: [4] } as const;
const relu: ModelSpec = {
  inputs: { x: vector },
  outputs: { y: null },
  nodes: [{ op: 'Relu', in: ['x'], out: ['y'], name: 'act' }],
};
const fill = (shape: readonly number[]): ModelSpec => ({
  ...relu,
  initializers: { shape: i64([shape.length], shape) },
  nodes: [
    { op: 'ConstantOfShape', in: ['shape'], out: ['c'], name: 'fill', attrs: { value: f32([1], [1]) } },
    { op: 'Add', in: ['x', 'c'], out: ['y'], name: 'sum' },
  ],
});
const claims = (dims: readonly number[], more: object = {}): ModelSpec => ({
  ...relu,
  raw: [{ name: 'w', dataType: 1, dims: [...dims], ...more }],
  nodes: [{ op: 'Add', in: ['x', 'w'], out: ['y'], name: 'sum' }],
});

/** A field of a message, on the wire. */
function field(number: number, content: Uint8Array): Buffer {
  const length: number[] = [];
  for (let rest = content.length; ; rest >>>= 7) {
    length.push(rest < 128 ? rest : (rest & 127) | 128);
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), content]);
}
const text = (value: string): Buffer => Buffer.from(value);

/** An If in an If in an If …, as deep as asked for: deeper than an encoder goes. */
function nested(depth: number): Uint8Array {
  // onnx.proto: GraphProto.node 1, NodeProto.output 2, name 3, op_type 4, attribute 5, AttributeProto.name 1, g 6, type 20.
  let node = Buffer.concat([field(2, text('y')), field(4, text('Relu'))]);
  for (let i = 0; i < depth; i++) {
    const attribute = [field(1, text('then_branch')), field(6, field(1, node)), Buffer.from([0xa0, 1, 5])];
    node = Buffer.concat([
      field(2, text('y')),
      field(3, text('branch')),
      field(4, text('If')),
      field(5, Buffer.concat(attribute)),
    ]);
  }
  // ModelProto.graph 7, GraphProto.output 12. The last graph in the file is the one that counts.
  const graph = Buffer.concat([field(1, node), field(12, field(1, text('y')))]);
  return Buffer.concat([encodeModel(relu), field(7, graph)]);
}

const REFUSED: readonly (readonly [string, Uint8Array, RegExp])[] = [
  [
    'dimensions whose product overflows',
    encodeModel(claims([2 ** 31, 2 ** 31, 2 ** 31])),
    /tensor 'w': f32\[2147483648, 2147483648, 2147483648\] takes .* bytes, and this Node.js holds|tensor 'w': holds 0 elements/,
  ],
  ['a negative dimension', encodeModel(claims([-1])), /tensor 'w': has the negative shape \[-1\]/],
  ['weights of a billion elements in a small file', encodeModel(claims([1e9])), /tensor 'w': holds 0 elements/],
  [
    'external weights of a terabyte',
    encodeModel(claims([2 ** 38], { dataLocation: 1, externalData: [{ key: 'location', value: 'model.onnx' }] })),
    /tensor 'w': f32\[274877906944\] takes 1099511627776 bytes, and this Node.js holds|tensor 'w': .*too short/,
  ],
  ['a constant with a negative size', encodeModel(fill([-4])), /fill \(ConstantOfShape\)/],
  [
    'a constant of a size beyond exact integers',
    encodeModel(fill([2 ** 56, 0])),
    /fill \(ConstantOfShape\).* 0 to 2\^53/,
  ],
  [
    'an input of a size beyond integers',
    encodeModel({ ...relu, inputs: { x: { dtype: 'f32', shape: [2 ** 40, 2 ** 40] } } }),
    /"x" of shape .* has no upper bound/,
  ],
  [
    'a cycle',
    encodeModel({
      ...relu,
      nodes: [
        { op: 'Add', in: ['x', 'b'], out: ['a'], name: 'one' },
        { op: 'Neg', in: ['a'], out: ['b'], name: 'two' },
        { op: 'Neg', in: ['b'], out: ['y'], name: 'three' },
      ],
    }),
    /is part of a cycle/,
  ],
  [
    'a node that needs itself',
    encodeModel({ ...relu, nodes: [{ op: 'Add', in: ['x', 'y'], out: ['y'], name: 'self' }] }),
    /self \(Add\): is part of a cycle/,
  ],
  ['a name twice', encodeModel({ ...relu, nodes: [...relu.nodes, ...relu.nodes] }), /'y' is defined twice/],
  ['no outputs', encodeModel({ ...relu, outputs: {} }), /has no outputs/],
  [
    'an operator called like a property of every object',
    encodeModel({ ...relu, nodes: [{ op: 'constructor', in: ['x'], out: ['y'], name: 'node' }] }),
    /constructor \(unknown operator\): node/,
  ],
  [
    'a symbol called like one',
    encodeModel({ ...relu, inputs: { x: { dtype: 'f32', shape: ['constructor', '__proto__'] } } }),
    /without a bound: 'constructor' of input 'x', '__proto__' of input 'x'/,
  ],
  ['subgraphs in 20 subgraphs', nested(20), /If \(control flow is not compiled\): branch/],
  ['subgraphs in 3000 subgraphs', nested(3000), /model\.onnx: is not an ONNX model \(.*nest/],
  [
    'an attribute of a million axes',
    encodeModel({
      ...relu,
      nodes: [
        {
          op: 'Transpose',
          in: ['x'],
          out: ['y'],
          name: 'turn',
          attrs: { perm: Array.from({ length: 1e6 }, (_, i) => i) },
        },
      ],
    }),
    /turn \(Transpose\)/,
  ],
  [
    'a sum of nothing',
    encodeModel({ ...relu, nodes: [{ op: 'Sum', in: [], out: ['y'], name: 'nothing' }] }),
    /nothing \(Sum\): input 0 is missing/,
  ],
  [
    'an input of nothing, with an axis beyond exact integers',
    encodeModel({ ...relu, inputs: { x: { dtype: 'f32', shape: [0, 2 ** 53] } } }),
    /the size or position 9007199254740992 is beyond 2\^53/,
  ],
  [
    'a result of 2^58 bytes',
    encodeModel({
      ...relu,
      initializers: { from: i64([], [0]), to: i64([], [2 ** 55]), step: i64([], [1]) },
      nodes: [{ op: 'Range', in: ['from', 'to', 'step'], out: ['y'], name: 'count' }],
    }),
    /"y" of i64\[36028797018963968\] has no upper bound below 2\^53 bytes|2\^53/,
  ],
  [
    'more indices than elements beside their axis',
    encodeModel({
      ...relu,
      inputs: { x: { dtype: 'f32', shape: [2, 3] }, at: { dtype: 'i64', shape: [2, 5] } },
      nodes: [{ op: 'GatherElements', in: ['x', 'at'], out: ['y'], name: 'pick', attrs: { axis: 0 } }],
    }),
    /pick \(GatherElements\): indices, axis 1 of \[2, 5\]: expected at most 3, found 5/,
  ],
  [
    'more updates than elements beside their axis',
    encodeModel({
      ...relu,
      inputs: {
        x: { dtype: 'f32', shape: [2, 3] },
        at: { dtype: 'i64', shape: [2, 5] },
        by: { dtype: 'f32', shape: [2, 5] },
      },
      nodes: [{ op: 'ScatterElements', in: ['x', 'at', 'by'], out: ['y'], name: 'put', attrs: { axis: 0 } }],
    }),
    /put \(ScatterElements\): indices, axis 1 of \[2, 5\]: expected at most 3, found 5/,
  ],
  [
    'seventeen axes',
    encodeModel({ ...relu, inputs: { x: { dtype: 'f32', shape: Array(17).fill(1) } } }),
    /model\.onnx: .*17 axes, 16 are supported/,
  ],
];

describe('refused in one message', () => {
  it.each(REFUSED)('%s', async (_, bytes, cause) => {
    const { status, out, err } = await compileBytes(bytes);
    expect(err).toMatch(/^sam-qc: model\.onnx: /);
    expect(err).toMatch(cause);
    expect(err).not.toMatch(/internal error|\n {4}at /);
    expect(err.length).toBeLessThan(2000);
    expect(out).toBe('');
    expect(status).toBe(1);
  });

  it('or accepted: a step beyond exact integers', async () => {
    const step: ModelSpec = {
      ...relu,
      inputs: { x: { dtype: 'f32', shape: ['n'] } },
      initializers: {
        from: i64([1], [0]),
        to: i64([1], [4]),
        by: { ...i64([1], [0]), data: BigInt64Array.of(2n ** 61n) },
      },
      nodes: [{ op: 'Slice', in: ['x', 'from', 'to', '', 'by'], out: ['y'], name: 'part' }],
    };
    const { status, err } = await compileBytes(encodeModel(step), '--dim', 'n=1..5');
    expect(err).not.toMatch(/internal error/);
    expect(status).toBe(0);
  });

  it('or accepted: a convolution of no pictures of 2^31 columns, of which no list is made', async () => {
    const empty: ModelSpec = {
      ...relu,
      inputs: { x: { dtype: 'f32', shape: [0, 1, 3, 2 ** 31] } },
      initializers: { w: f32([1, 1, 1, 1], [1]) },
      nodes: [{ op: 'Conv', in: ['x', 'w'], out: ['y'], name: 'filter' }],
    };
    const { status } = await compileBytes(encodeModel(empty));
    expect(status).toBe(0);
  });

  it('or accepted: a constant of a billion elements, without making them', async () => {
    const before = process.resourceUsage().maxRSS;
    const { status } = await compileBytes(encodeModel(fill([1000, 1000, 1000, 1])));
    expect(status).toBe(0);
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(1e6);
  });
});
