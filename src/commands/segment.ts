import type { Command } from 'commander';
import { type Io, json } from '../io.js';
import type { PromptLabel } from '../prompts.js';
import { segmentPicture } from '../segment.js';
import { type Box, collectPoints, type LabelledPoint, parseBox, parseCount } from './parse.js';

interface Options {
  readonly point?: readonly LabelledPoint[];
  readonly box?: Box;
  readonly out: string;
  readonly threads: number;
  readonly json?: true;
}

export const addSegment = (program: Command, io: Io): Command =>
  program
    .command('segment')
    .description('cut an object out of a picture with a compiled encoder and decoder')
    .argument('<dir>')
    .argument('<image>')
    .option(
      '--point <x,y[,label]>',
      'a pixel inside the object, or outside of it with label 0 (repeatable)',
      collectPoints,
    )
    .option('--box <x0,y0,x1,y1>', 'a box around the object', parseBox)
    .requiredOption('-o, --out <mask.png>', 'the mask; mask-overlay.png beside it shows it over the picture')
    .option('--threads <n>', '', parseCount, 1)
    .option('--verbose', 'stacks of errors')
    .option('--json', 'print one JSON object')
    .action(async (dir: string, image: string, options: Options, command: Command) => {
      const points = options.point ?? [];
      const box = options.box ?? [];
      if (points.length + box.length === 0) command.error('error: give at least one --point or a --box');
      const corners: readonly PromptLabel[] = [2, 3];
      const result = await segmentPicture(
        dir,
        image,
        {
          points: [...points.map(({ point }) => point), ...box],
          labels: [...points.map(({ label }) => label), ...corners.slice(0, box.length)],
        },
        { mask: options.out, threads: options.threads },
      );
      if (options.json) {
        io.out(json(result));
        return;
      }
      io.out(
        `${result.mask}: ${(100 * result.area).toFixed(1)} % of the picture, predicted IoU ${result.predictedIou.toFixed(3)}\n` +
          `${result.overlay}: the mask over the picture\n` +
          `encoder ${result.encoderMs.toFixed(1)} ms, decoder ${result.decoderMs.toFixed(1)} ms\n`,
      );
    });
