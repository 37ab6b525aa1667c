import type { Bounds } from '../../src/ir/scalar.js';
import { efficientSamVit } from './efficient-sam.js';
import { efficientSamDecoder } from './efficient-sam-decoder.js';
import { clicks, type Feeds, f32, features, i64, image, merged, samPrompt, unitImage } from './feeds.js';
import type { GraphBuilder } from './graph.js';
import { HIERA_TINY, hiera } from './hiera.js';
import { huggingFaceDecoder, huggingFaceEncoder } from './hugging-face.js';
import { REP_VIT_M1, type RepViT, repViT } from './rep-vit.js';
import { edgeSamDecoder, type MaskDecoder, SAM_DECODER, type SamOnnxOptions, samDecoder } from './sam-decoder.js';
import { type SamVit, samVit } from './sam-vit.js';
import { sam2Decoder } from './sam2-decoder.js';
import { TINY_VIT_5M, type TinyVit, tinyVit } from './tiny-vit.js';

/** A model of the family, as people have it. */
export interface Member {
  readonly name: string;
  readonly role: 'encoder' | 'decoder';
  readonly opset: number;
  readonly build: (g: GraphBuilder) => void;
  /** The same with every mask that `build` chooses one from, along the second axis of its outputs. */
  readonly candidates?: (g: GraphBuilder) => void;
  /** Inputs of one picture or prompt. */
  readonly feeds: (seed: number) => Feeds;
  /** Bounds that `--dim` has to give. */
  readonly dims?: Readonly<Record<string, Bounds>>;
  /** Attentions that inspect must find, all of them to be computed on integers. */
  readonly attentions: number;
  /** Floor of the worst output's signal to noise at w8a8, decibels. */
  readonly floor: number;
  /** In what it is smaller than the published model. */
  readonly reduced?: string;
}

/** `full`: published width and depth; `tiny`: a few channels and a block or two of each kind. */
export type Size = 'full' | 'tiny';

const EMBEDDING = 256;
/** Full-size encoders see 256×256 in place of 1024×1024: a sixteenth of the tokens, so that the whole table costs minutes. */
const FULL_SIDE = 256;
const SMALLER = 'input 256×256 instead of 1024×1024';

const decoderSizes = (size: Size): MaskDecoder =>
  size === 'full'
    ? { ...SAM_DECODER, grid: 64 }
    : { ...SAM_DECODER, grid: 8, channels: 32, heads: 4, hidden: 64, iouHidden: 32 };

/** Attentions of a two-way transformer of two layers. */
const TWO_WAY = 7;

const encoder = (
  name: string,
  opset: number,
  side: number,
  attentions: number,
  build: (g: GraphBuilder, image: string) => string,
  rest: { readonly reduced?: string; readonly input?: string; readonly floor?: number } = {},
): Member => {
  const { input = 'image', floor = 20, ...others } = rest;
  return {
    name,
    role: 'encoder',
    opset,
    attentions,
    floor,
    ...others,
    build: (g) => {
      const embeddings = build(g, g.input(input, 'f32', [1, 3, side, side]));
      g.output('image_embeddings', embeddings, 'f32', [1, 'channels', 'height', 'width']);
    },
    feeds: (seed) => image(input, side, seed),
  };
};

function officialDecoder(size: Size, name: string, opset: number, options: SamOnnxOptions): Member {
  const config = decoderSizes(size);
  const picture = size === 'full' ? ([480, 640] as const) : ([48, 64] as const);
  const { highQuality, returnSingleMask } = options;
  return {
    name,
    role: 'decoder',
    opset,
    attentions: TWO_WAY,
    floor: 15,
    build: (g) => samDecoder(g, config, options),
    ...((returnSingleMask || highQuality) && {
      candidates: (g: GraphBuilder) => samDecoder(g, config, { ...options, keepsEveryMask: true }),
    }),
    feeds: (seed) => {
      const early = smoothEarly(config.grid, highQuality?.vitChannels ?? 0, seed);
      return merged(
        new Map([features('image_embeddings', config.channels, config.grid, seed)]),
        samPrompt(config.grid, seed, picture),
        highQuality ? new Map([['interm_embeddings', early]]) : new Map(),
      );
    },
  };
}
const smoothEarly = (grid: number, channels: number, seed: number) => {
  const [, tensor] = features('early', channels, grid, seed);
  return { ...tensor, shape: [1, 1, grid, grid, channels] };
};

function tinyVitMember(size: Size): Member {
  const config: TinyVit =
    size === 'full'
      ? { side: FULL_SIDE, stages: TINY_VIT_5M, neck: EMBEDDING }
      : {
          side: 128,
          neck: 32,
          stages: [
            { channels: 16, blocks: 1, heads: 1, window: 7 },
            { channels: 16, blocks: 1, heads: 2, window: 7 },
            { channels: 32, blocks: 1, heads: 4, window: 5 },
            { channels: 32, blocks: 1, heads: 4, window: 4 },
          ],
        };
  const blocks = config.stages.slice(1).reduce((sum, stage) => sum + stage.blocks, 0);
  return encoder('MobileSAM encoder (TinyViT-5M)', 16, config.side, blocks, (g, x) => tinyVit(g, x, config), {
    ...(size === 'full' && { reduced: SMALLER }),
  });
}

function repViTMember(size: Size, name: string, fusesStages: boolean): Member {
  const config: RepViT = {
    fusesStages,
    neck: size === 'full' ? EMBEDDING : 32,
    stages:
      size === 'full' ? REP_VIT_M1 : [16, 16, 32, 32].map((channels, i) => ({ channels, blocks: i === 2 ? 3 : 2 })),
  };
  const reduced = fusesStages ? SMALLER : `${SMALLER}; RepViT-M1 instead of M2.3`;
  return encoder(name, fusesStages ? 11 : 17, size === 'full' ? FULL_SIDE : 128, 0, (g, x) => repViT(g, x, config), {
    ...(size === 'full' && { reduced }),
  });
}

/** SlimSAM prunes every block differently: widths of a head and of the hidden layer by block, in the manner of its 77 % models. */
function slimVit(size: Size, uniform: boolean): SamVit {
  if (size === 'tiny') {
    const widths = uniform ? [8, 8] : [6, 9];
    const blocks = widths.map((headChannels, i) => ({
      heads: 4,
      headChannels,
      hidden: uniform ? 64 : 40 + 13 * i,
      window: i === 0 ? 3 : 0,
    }));
    return { side: 128, patch: 16, channels: uniform ? 32 : 30, blocks, neck: 32 };
  }
  const heads = uniform ? Array.from({ length: 12 }, () => 14) : [10, 13, 12, 15, 14, 16, 18, 12, 15, 17, 13, 11];
  const hidden = uniform
    ? Array.from({ length: 12 }, () => 696)
    : [412, 655, 701, 688, 745, 801, 832, 760, 699, 640, 533, 486];
  const blocks = heads.map((headChannels, i) => ({
    heads: 12,
    headChannels,
    hidden: hidden[i]!,
    window: [2, 5, 8, 11].includes(i) ? 0 : 14,
  }));
  return { side: FULL_SIDE, patch: 16, channels: 168, blocks, neck: EMBEDDING };
}

function slimSam(size: Size): Member {
  const config = slimVit(size, false);
  return encoder(
    'SlimSAM encoder (uneven widths)',
    17,
    config.side,
    config.blocks.length,
    (g, x) => samVit(g, x, 1, config),
    {
      ...(size === 'full' && { reduced: SMALLER }),
    },
  );
}

function huggingFace(size: Size): readonly Member[] {
  const vit = slimVit(size, true);
  const config: MaskDecoder = { ...decoderSizes(size), attention: 'grouped' };
  return [
    {
      name: 'Hugging Face vision_encoder (SlimSAM-77-uniform)',
      role: 'encoder',
      opset: 13,
      attentions: vit.blocks.length,
      floor: 20,
      build: (g) => huggingFaceEncoder(g, vit),
      feeds: (seed) => image('pixel_values', vit.side, seed),
      ...(size === 'full' && { reduced: SMALLER }),
    },
    {
      name: 'Hugging Face prompt_encoder_mask_decoder',
      role: 'decoder',
      opset: 13,
      attentions: TWO_WAY,
      floor: 15,
      build: (g) => huggingFaceDecoder(g, config),
      feeds: (seed) => {
        const { coords, labels } = clicks(16 * config.grid, seed, false);
        return new Map([
          ['input_points', f32([1, 1, labels.length, 2], coords)],
          ['input_labels', i64([1, 1, labels.length], labels)],
          features('image_embeddings', config.channels, config.grid, seed),
          // Positions do not change with the picture.
          features('image_positional_embeddings', config.channels, config.grid, 0),
        ]);
      },
    },
  ];
}

function efficientSam(size: Size, name: string, channels: number, heads: number): Member {
  const side = size === 'full' ? FULL_SIDE : 128;
  const config = {
    side,
    channels: size === 'full' ? channels : 32,
    heads: size === 'full' ? heads : 2,
    blocks: size === 'full' ? 12 : 2,
    neck: size === 'full' ? EMBEDDING : 32,
    trainedGrid: size === 'full' ? 14 : 3,
  };
  const [height, width] = size === 'full' ? [480, 640] : [48, 80];
  return {
    name,
    role: 'encoder',
    opset: 17,
    attentions: config.blocks,
    floor: 20,
    ...(size === 'full' && { reduced: SMALLER }),
    dims: { height: { min: height!, max: height! }, width: { min: width!, max: width! } },
    build: (g) => {
      const x = g.input('batched_images', 'f32', ['batch', 3, 'height', 'width']);
      const shape = ['batch', config.neck, side / 16, side / 16];
      g.output(
        'image_embeddings',
        efficientSamVit(g, x, g.node('Gather', [g.node('Shape', [x]), g.ints(0)], { axis: 0 }), config),
        'f32',
        shape,
      );
    },
    feeds: (seed) => unitImage('batched_images', height!, width!, seed),
  };
}

function efficientSamDecoderMember(size: Size): Member {
  const config: MaskDecoder = { ...decoderSizes(size), activation: 'gelu' };
  const [height, width] = size === 'full' ? [480, 640] : [48, 64];
  return {
    name: 'EfficientSAM decoder',
    role: 'decoder',
    opset: 17,
    attentions: TWO_WAY,
    floor: 15,
    // Prompts of more than six points are cut by another export.
    dims: { num_points: { min: 1, max: 6 } },
    build: (g) => efficientSamDecoder(g, config),
    feeds: (seed) => {
      const { coords, labels } = clicks(height!, seed, false);
      return new Map([
        features('image_embeddings', config.channels, config.grid, seed),
        ['batched_point_coords', f32([1, 1, labels.length, 2], coords)],
        ['batched_point_labels', f32([1, 1, labels.length], Float32Array.from(labels))],
        ['orig_im_size', i64([2], [height!, width!])],
      ]);
    },
  };
}

function edgeSam(size: Size): Member {
  const config = decoderSizes(size);
  return {
    name: 'EdgeSAM decoder',
    role: 'decoder',
    opset: 11,
    attentions: TWO_WAY,
    floor: 15,
    build: (g) => edgeSamDecoder(g, config),
    feeds: (seed) => {
      const { coords, labels } = clicks(16 * config.grid, seed);
      return new Map([
        features('image_embeddings', config.channels, config.grid, seed),
        ['point_coords', f32([1, labels.length, 2], coords)],
        ['point_labels', f32([1, labels.length], Float32Array.from(labels))],
      ]);
    },
  };
}

function sam2(size: Size): readonly Member[] {
  const tiny = {
    channels: 16,
    stages: [1, 1, 2, 1],
    heads: 1,
    windows: [8, 4, 6, 3],
    global: [3],
    positions: 3,
    neck: 32,
  };
  const trunk = { ...(size === 'full' ? HIERA_TINY : tiny), side: size === 'full' ? FULL_SIDE : 128 };
  const config: MaskDecoder = { ...decoderSizes(size), attention: 'fused' };
  const { channels, grid } = config;
  const decoder = (name: string, dynamicMultimask: boolean): Member => ({
    name,
    role: 'decoder',
    opset: 17,
    attentions: TWO_WAY,
    floor: 15,
    build: (g) => sam2Decoder(g, config, { dynamicMultimask }),
    ...(dynamicMultimask && {
      candidates: (g: GraphBuilder) => sam2Decoder(g, config, { dynamicMultimask, keepsEveryMask: true }),
    }),
    feeds: (seed) => {
      const prompt = new Map(samPrompt(grid, seed, [1, 1]));
      prompt.delete('orig_im_size');
      return merged(
        new Map([
          features('image_embed', channels, grid, seed),
          features('high_res_feats_0', channels / 8, 4 * grid, seed),
          features('high_res_feats_1', channels / 4, 2 * grid, seed),
        ]),
        prompt,
      );
    },
  });
  return [
    {
      name: 'SAM 2 encoder (Hiera-T)',
      role: 'encoder',
      opset: 17,
      attentions: trunk.stages.reduce((a, b) => a + b, 0),
      floor: 20,
      build: (g) => {
        const { embeddings, highRes } = hiera(g, g.input('image', 'f32', [1, 3, trunk.side, trunk.side]), trunk);
        const at = (channelsOf: number, cell: number) => [1, channelsOf, trunk.side / cell, trunk.side / cell];
        g.output('high_res_feats_0', highRes[0], 'f32', at(trunk.neck / 8, 4));
        g.output('high_res_feats_1', highRes[1], 'f32', at(trunk.neck / 4, 8));
        g.output('image_embed', embeddings, 'f32', at(trunk.neck, 16));
      },
      feeds: (seed) => image('image', trunk.side, seed),
      ...(size === 'full' && { reduced: SMALLER }),
    },
    decoder('SAM 2 decoder (three masks)', false),
    decoder('SAM 2.1 decoder (dynamic multimask, object score)', true),
  ];
}

/** The family. */
export const familyMembers = (size: Size): readonly Member[] => [
  officialDecoder(size, 'SAM decoder, opset 11', 11, {}),
  officialDecoder(size, 'SAM decoder, return_single_mask, opset 13', 13, { returnSingleMask: true }),
  officialDecoder(size, 'SAM decoder, use_stability_score, opset 17', 17, { useStabilityScore: true }),
  officialDecoder(size, 'SAM decoder, return_extra_metrics, opset 17', 17, { returnExtraMetrics: true }),
  officialDecoder(size, 'SAM decoder, single mask, stability, metrics, opset 11', 11, {
    returnSingleMask: true,
    useStabilityScore: true,
    returnExtraMetrics: true,
  }),
  tinyVitMember(size),
  efficientSam(size, 'EfficientSAM-Ti encoder', 192, 3),
  efficientSam(size, 'EfficientSAM-S encoder', 384, 6),
  efficientSamDecoderMember(size),
  repViTMember(size, 'EdgeSAM encoder (RepViT-M1, fused stages)', true),
  edgeSam(size),
  repViTMember(size, 'RepViT-SAM encoder', false),
  officialDecoder(size, 'HQ-SAM decoder', 17, { highQuality: { vitChannels: size === 'full' ? 768 : 32 } }),
  slimSam(size),
  ...huggingFace(size),
  ...sam2(size),
];
