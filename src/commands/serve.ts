import { once } from 'node:events';
import { type Command, InvalidArgumentError } from 'commander';
import type { Io } from '../io.js';
import { serve } from '../serve.js';

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) throw new InvalidArgumentError('a number from 0 to 65535 is expected');
  return port;
}

export const addServe = (program: Command, io: Io): Command =>
  program
    .command('serve')
    .description('serve the page of a compiled encoder and decoder to this machine')
    .argument('<dir>')
    .option('--port <n>', '0 takes any that is free', parsePort, 8080)
    .option('--verbose', 'stacks of errors')
    .action(async (dir: string, { port }: { readonly port: number }) => {
      const server = await serve(dir, port);
      io.out(`${server.url}\n`);
      io.err('Ctrl+C ends it\n');
      await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
      await server.close();
    });
