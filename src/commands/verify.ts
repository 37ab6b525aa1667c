import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import type { TargetName } from '../codegen/targets.js';
import { type Io, json } from '../io.js';
import type { Bounds } from '../ir/scalar.js';
import { TARGET_CHOICES } from '../options.js';
import { UserError } from '../user-error.js';
import { verify } from '../verify-model.js';
import { parseDim } from './parse.js';

interface Options {
  readonly data: string;
  readonly target: TargetName | 'host';
  readonly dim?: Readonly<Record<string, Bounds>>;
  readonly json?: true;
}

export const addVerify = (program: Command, io: Io): Command =>
  program
    .command('verify')
    .description('compile a model as float, run ONNX test data and compare the results')
    .argument('<model.onnx>')
    .requiredOption('--data <dir>', 'input_0.pb, …, output_0.pb, …, or folders test_data_set_<n> of them')
    .addOption(new Option('--target <target>').choices(TARGET_CHOICES).default('host'))
    .option('--dim <symbol=min..max>', 'bounds of a symbolic dimension (repeatable)', parseDim)
    .option('--verbose', 'stacks of errors')
    .option('--json', 'print one JSON object')
    .action(async (file: string, { data, target, dim, json: asJson }: Options) => {
      const result = await verify(file, data, { target, ...(dim && { dims: dim }) });
      if (asJson) io.out(json({ model: file, ...result }));
      if (result.status === 'refused') {
        if (!asJson) io.out(`${file}: refused\n`);
        throw new UserError(`refused: ${result.reason}`);
      }
      if (!asJson) {
        for (const { name, problem, maxError, maxExpected } of result.outputs)
          io.out(`  ${name}: ${problem ?? `greatest difference ${maxError}, greatest value ${maxExpected}`}\n`);
        if (result.frozen.length > 0) io.out(`  frozen to the data: ${result.frozen.join(', ')}\n`);
        io.out(`${file}: ${result.status}\n`);
      }
      const wrong = result.outputs.find(({ problem }) => problem !== undefined);
      if (wrong) throw new UserError(`${basename(file)}: output '${wrong.name}': ${wrong.problem}`);
    });
