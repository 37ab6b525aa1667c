import { describe, expect, it } from 'vitest';
import type { Graph } from '../../src/ir/graph.js';
import { parse } from '../../src/ir/text/parse.js';
import { InvalidGraph } from '../../src/ir/verify.js';
import { type Pass, PassError, runPipeline } from '../../src/passes/pass.js';

const graph = parse(
  'graph @g () {\n %0 : f32[2] = input as "x"\n %1 : f32[2] = unary(%0) {fn = abs} from "/a"\n output "y" = %1\n}',
);
const same: Pass = { name: 'same', run: (program) => program };
const broken: Pass = { name: 'forget-nodes', run: (program) => ({ ...program, nodes: [] }) };
const failing: Pass = {
  name: 'fail',
  run: () => {
    throw new Error('no such axis');
  },
};

describe('the pass manager', () => {
  it('blames the pass that broke the program', () => {
    expect(() => runPipeline(graph, [same, broken, same])).toThrow(PassError);
    expect(() => runPipeline(graph, [same, broken, same])).toThrow(
      /pass forget-nodes: .*\n.*output "y": %1 is not defined/,
    );
    expect(() => runPipeline(graph, [failing])).toThrow(/pass fail: no such axis/);
  });

  it('blames no pass for a program that was broken before', () => {
    expect(() => runPipeline({ ...graph, nodes: [] }, [same])).toThrow(InvalidGraph);
  });

  it('shows the program after the passes that were asked for, each time they run', () => {
    const seen: [string, Graph][] = [];
    const onDump = (pass: string, program: Graph): number => seen.push([pass, program]);
    const other: Pass = { name: 'other', run: (program) => program };
    runPipeline(graph, [same, other, same], { dumpAfter: ['same'], onDump });
    expect(seen.map(([name]) => name)).toEqual(['same', 'same']);
    runPipeline(graph, [same, other], { dumpAfter: 'all', onDump });
    expect(seen.map(([name]) => name)).toEqual(['same', 'same', 'same', 'other']);
  });

  it('knows the names of its passes', () => {
    expect(() => runPipeline(graph, [same], { dumpAfter: ['smae'] })).toThrow(/no pass is called smae; there are same/);
  });
});
