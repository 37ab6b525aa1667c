// Compiles the small SAM to C, builds it, and cuts an object out of a picture: the commands that a user would type.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const BITS = 'w8a8';

function run(command, args) {
  console.log(`\n$ ${command} ${args.join(' ')}`);
  const [program, ...first] = command === 'sam-qc' ? [process.execPath, 'dist/cli.js'] : [command];
  try {
    execFileSync(program, [...first, ...args], { stdio: 'inherit' });
  } catch (error) {
    console.error(error.code === 'ENOENT' ? `${command} is not installed` : `${command} failed`);
    process.exit(1);
  }
}

mkdirSync('out', { recursive: true });
run('sam-qc', [
  'compile',
  'examples/tiny-sam/encoder.onnx',
  'examples/tiny-sam/decoder.onnx',
  '-o',
  'out/tiny-sam',
  '--bits',
  BITS,
]);
run('make', ['-s', '-C', 'out/tiny-sam']);
run('sam-qc', [
  'segment',
  'out/tiny-sam',
  'examples/scenes/evaluation/000.png',
  '--point',
  '80,175',
  '-o',
  'out/mask.png',
]);
console.log('\nNow look at out/mask-overlay.png: the object under the point, over its picture.');
