// C kernels and the sources of the JavaScript bindings are data to the compiler: they travel beside the built JavaScript.
import { chmodSync, cpSync } from 'node:fs';

cpSync('src/codegen/kernels', 'dist/codegen/kernels', { recursive: true });
cpSync('src/codegen/runtime', 'dist/codegen/runtime', { recursive: true });
cpSync('src/codegen/js-runtime', 'dist/codegen/js-runtime', { recursive: true });
for (const shared of ['decoder-prompt', 'prepare-image', 'resample', 'sam-interface', 'user-error'])
  cpSync(`src/${shared}.ts`, `dist/${shared}.ts`);
chmodSync('dist/cli.js', 0o755);
