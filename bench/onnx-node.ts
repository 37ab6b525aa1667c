/**
 * Runs `sam-qc verify` over ONNX's own operator tests and prints what became of each:
 *
 *   npx tsx bench/onnx-node.ts [folder of tests] [part of a name]
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf } from '../src/user-error.js';
import { verify } from '../src/verify-model.js';

/** Built for speed of building: each program runs once. */
const FLAGS = '-std=c11 -O0 -ffp-contract=off -w';

export interface NodeTest {
  readonly name: string;
  /** `error`: the compiler, the C compiler or the program failed, which is always a bug. */
  readonly status: 'pass' | 'fail' | 'refused' | 'error';
  readonly reason: string;
}

export async function verifyNodeTest(folder: string, name: string): Promise<NodeTest> {
  try {
    const result = await verify(join(folder, name, 'model.onnx'), join(folder, name), { flags: FLAGS });
    if (result.status === 'refused') return { name, status: 'refused', reason: result.reason };
    const wrong = result.outputs.find(({ problem }) => problem !== undefined);
    return { name, status: result.status, reason: wrong ? `${wrong.name}: ${wrong.problem}` : '' };
  } catch (error) {
    return { name, status: 'error', reason: messageOf(error) };
  }
}

/** Verifies tests, `workers` at a time; in the order of their names. */
export async function verifyNodeTests(
  folder: string,
  names: readonly string[],
  onDone: (test: NodeTest) => void = () => {},
  workers = 2,
): Promise<readonly NodeTest[]> {
  const waiting = [...names].sort();
  const done: NodeTest[] = [];
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const test = await verifyNodeTest(folder, name);
      done.push(test);
      onDone(test);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return done.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function main(): Promise<void> {
  const [folder = '../shared/onnx-node', part = ''] = process.argv.slice(2);
  const names = readdirSync(folder).filter((name) => name.includes(part));
  const tests = await verifyNodeTests(folder, names, ({ name, status, reason }) => {
    if (status !== 'pass') console.log(`${status.padEnd(8)}${name}: ${reason}`);
  });
  const count = (status: NodeTest['status']): number => tests.filter((test) => test.status === status).length;
  console.log(
    `${tests.length} tests: ${count('pass')} pass, ${count('fail')} fail, ${count('refused')} refused, ${count('error')} errors`,
  );
  process.exitCode = count('fail') + count('error') > 0 ? 1 : 0;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
