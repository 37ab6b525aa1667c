// The C kernels are data to the compiler: they travel beside the built JavaScript.
import { chmodSync, cpSync } from 'node:fs';

cpSync('src/codegen/kernels', 'dist/codegen/kernels', { recursive: true });
cpSync('src/codegen/runtime', 'dist/codegen/runtime', { recursive: true });
chmodSync('dist/cli.js', 0o755);
