import type { GraphBuilder, Value } from './graph.js';
import { add, conv, gelu, interpolate, mean, mul, relu } from './layers.js';
import { samNeck } from './sam-vit.js';

/** RepViT (arXiv 2307.09283), its branches folded into one convolution each, as in EdgeSAM (2312.06660) and RepViT-SAM (2312.05760). */
export interface RepViT {
  /** Channels and blocks of each stage. */
  readonly stages: readonly { readonly channels: number; readonly blocks: number }[];
  readonly neck: number;
  /** EdgeSAM adds the last stage, made twice as large, to the one before; RepViT-SAM does not reduce the last stage. */
  readonly fusesStages: boolean;
}

/** RepViT-M1. */
export const REP_VIT_M1: RepViT['stages'] = [
  { channels: 48, blocks: 3 },
  { channels: 96, blocks: 4 },
  { channels: 192, blocks: 16 },
  { channels: 384, blocks: 3 },
];

/** [1, 3, side, side] → [1, neck, side / 16, side / 16] */
export function repViT(g: GraphBuilder, image: Value, { stages, neck, fusesStages }: RepViT): Value {
  const first = stages[0]!.channels;
  let x = g.scope('features.0', () => {
    const half = gelu(g, conv(g, '0', image, 3, first / 2, { kernel: 3, stride: 2, padding: 1 }));
    return conv(g, '2', half, first / 2, first, { kernel: 3, stride: 2, padding: 1 });
  });
  let [place, from] = [1, first];
  const results = stages.map(({ channels, blocks }, stage) => {
    for (let i = 0; i < blocks; i++) {
      const reduces = stage > 0 && i === 0;
      const stride = reduces && (fusesStages || stage < stages.length - 1) ? 2 : 1;
      // Every second block from a stage's start excites, its last does not.
      const excites = reduces ? false : (i + (stage > 0 ? 1 : 0)) % 2 === 0 && (i === 0 || i < blocks - 1);
      x = g.scope(`features.${place++}`, () =>
        repViTBlock(g, x, from, channels, reduces ? stride : undefined, excites),
      );
      from = channels;
    }
    return x;
  });
  if (!fusesStages) return samNeck(g, x, from, neck);
  const [third, fourth] = results.slice(-2) as [Value, Value];
  const near = conv(g, 'fuse_stage2', third, stages.at(-2)!.channels, neck, { bias: false });
  const far = interpolate(g, conv(g, 'fuse_stage3.0', fourth, from, neck, { bias: false }), 'linear', { scale: 2 });
  return samNeck(g, add(g, near, far), neck, neck);
}

/** A token mixer (depthwise, and 1×1 where the width changes) and a channel mixer. */
function repViTBlock(
  g: GraphBuilder,
  x: Value,
  from: number,
  to: number,
  stride: number | undefined,
  excites: boolean,
): Value {
  const mixed = g.scope('token_mixer', () => {
    const deep = conv(g, '0', x, from, from, { kernel: 3, padding: 1, groups: from, stride: stride ?? 1 });
    const excited = excites ? squeezeExcite(g, deep, from) : deep;
    return stride === undefined ? excited : conv(g, '2', excited, from, to);
  });
  return g.scope('channel_mixer', () => {
    const wide = gelu(g, conv(g, 'm.0', mixed, to, 2 * to));
    return add(g, mixed, conv(g, 'm.2', wide, 2 * to, to));
  });
}

function squeezeExcite(g: GraphBuilder, x: Value, channels: number): Value {
  return g.scope('1', () => {
    const reduced = Math.max(8, 8 * Math.round(channels / 32));
    const inner = relu(g, conv(g, 'fc1', mean(g, x, [2, 3]), channels, reduced));
    return mul(g, x, g.node('Sigmoid', [conv(g, 'fc2', inner, reduced, channels)]));
  });
}
