import { preparePixels } from '../../prepare-image.js';
import {
  candidatesOf,
  type DecoderFace,
  decoderFace,
  type EncoderFace,
  encoderFace,
  pointsDimension,
  promptInputs,
} from '../../sam-interface.js';
import type { ModelDescription } from './description.js';
import { SamDisposedError, SamError } from './errors.js';
import { type LoadOptions, type Model, type OpenModel, openModel, type RunOptions, typedModel } from './model.js';
import { checkImage, checkPrompt, type PromptLimits, type SamImage, type SamPrompt } from './sam-arguments.js';
import type { Tensor } from './tensor.js';

/** A picture that the encoder has seen. It holds its own copy of the embeddings. */
export interface Embedding {
  readonly width: number;
  readonly height: number;
  readonly embeddings: Tensor<Float32Array>;
  /** All that the encoder gave, by the names of its outputs: the embeddings, and what else the decoder takes. */
  readonly features: Readonly<Record<string, Tensor<Float32Array>>>;
  /** Of the encoder alone. */
  readonly milliseconds: number;
}

/** What the decoder makes of a prompt. `Mask` is Uint8Array (1 inside, 0 outside), or Float32Array of logits. */
export interface Segmentation<Mask extends Uint8Array | Float32Array = Uint8Array> {
  /** Size of each mask, that of the picture. */
  readonly width: number;
  readonly height: number;
  /** [height, width] each; one for each candidate. */
  readonly masks: readonly Mask[];
  /** What the model expects of each candidate: its intersection over union with the true mask. */
  readonly iou: Float32Array;
  /** The candidate with the highest `iou`. */
  readonly best: number;
  /** Logits of each candidate at the decoder's own size, to be given back as `mask` where the decoder takes one. */
  readonly lowResMasks: readonly Float32Array[];
  /** Of the decoder alone. */
  readonly milliseconds: number;
}

/** A loaded pair of models. */
export interface SamSession<EncoderInputs, EncoderOutputs, DecoderInputs, DecoderOutputs> {
  readonly encoder: Model<EncoderInputs, EncoderOutputs>;
  readonly decoder: Model<DecoderInputs, DecoderOutputs>;
  /**
   * Prepares and encodes a picture. Prompts that name no embedding are about the last picture encoded.
   *
   * @throws SamArgumentError, SamMemoryError, SamDisposedError
   */
  readonly encode: (image: SamImage, options?: RunOptions) => Promise<Embedding>;
  /** @throws SamArgumentError for a prompt that is wrong or about no picture, SamMemoryError, SamDisposedError */
  readonly segment: {
    (prompt: SamPrompt<Embedding> & { readonly logits: true }): Promise<Segmentation<Float32Array>>;
    (prompt: SamPrompt<Embedding> & { readonly logits?: false }): Promise<Segmentation>;
  };
  readonly dispose: () => void;
}

export interface SamDescription {
  readonly encoder: ModelDescription;
  readonly decoder: ModelDescription;
}

const named = ({ description }: OpenModel, outputs: readonly Tensor[], name: string): Tensor<Float32Array> => {
  const tensor = outputs[description.outputs.findIndex((output) => output.name === name)];
  if (!(tensor?.data instanceof Float32Array))
    throw new SamError(`${description.name} has no output '${name}' of float32`);
  return { data: tensor.data, shape: tensor.shape };
};

const inside = (logits: Float32Array): Uint8Array => {
  const mask = new Uint8Array(logits.length);
  for (let i = 0; i < logits.length; i++) mask[i] = (logits[i] ?? 0) > 0 ? 1 : 0;
  return mask;
};

/** How the two models are to be talked to. */
function facesOf({ encoder, decoder }: SamDescription): readonly [EncoderFace, DecoderFace] {
  const faces = [encoderFace(encoder), decoderFace(decoder)] as const;
  if (faces[0] === undefined || faces[1] === undefined)
    throw new SamError(`${encoder.name} and ${decoder.name} are no encoder and decoder of the Segment Anything family`);
  return [faces[0], faces[1]];
}

function limitsOf(decoder: DecoderFace, { symbols }: ModelDescription, side: number): PromptLimits {
  const count = pointsDimension(decoder);
  const mask = decoder.prompt.find(({ name }) => name === 'mask_input')?.shape;
  const points = typeof count === 'number' ? count : (symbols.find(({ name }) => name === count)?.max ?? Infinity);
  return { points, side, mask: mask?.filter((dim) => typeof dim === 'number') };
}

/** Loads both models. */
export async function loadSam<EncoderInputs, EncoderOutputs, DecoderInputs, DecoderOutputs>(
  description: SamDescription,
  packageUrl: string,
  options: LoadOptions = {},
): Promise<SamSession<EncoderInputs, EncoderOutputs, DecoderInputs, DecoderOutputs>> {
  const [encoder, decoder] = await openBoth(description, packageUrl, options);
  const [encoderSide, decoderSide] = facesOf(description);
  const limits = limitsOf(decoderSide, description.decoder, encoderSide.side);
  let last: Embedding | undefined;
  let disposed = false;
  const live = (): void => {
    if (disposed) throw new SamDisposedError('this Sam has been disposed of');
  };
  const segment = async <Mask extends Uint8Array | Float32Array>(
    prompt: SamPrompt<Embedding>,
    toMask: (logits: Float32Array) => Mask,
  ): Promise<Segmentation<Mask>> => {
    live();
    const { embedding, points, labels, mask } = checkPrompt(prompt, last, limits);
    const { width, height } = embedding;
    const inputs = {
      ...Object.fromEntries(decoderSide.features.map((name) => [name, embedding.features[name]])),
      ...Object.fromEntries(promptInputs(decoderSide, { points, labels }, { width, height }, mask)),
    };
    const start = performance.now();
    return decoder.run(inputs, (outputs) => {
      const milliseconds = performance.now() - start;
      const byName = new Map(description.decoder.outputs.map(({ name }, i) => [name, outputs[i]!]));
      const candidates = candidatesOf(decoderSide, byName, { width, height });
      if (typeof candidates === 'string') throw new SamError(`${description.decoder.name}: ${candidates}`);
      const { scores: iou, logits } = candidates;
      const { data: lowRes } = named(decoder, outputs, decoderSide.lowRes);
      const size = lowRes.length / iou.length;
      return {
        width,
        height,
        masks: logits.map(toMask),
        iou,
        best: iou.indexOf(Math.max(...iou)),
        lowResMasks: Array.from(iou, (_, i) => lowRes.slice(i * size, (i + 1) * size)),
        milliseconds,
      };
    });
  };
  return {
    encoder: typedModel(encoder),
    decoder: typedModel(decoder),
    encode: async (image, runOptions) => {
      live();
      const { side, framing } = encoderSide;
      const { width, height, rgb } = checkImage(image, side);
      const { tensor } = preparePixels({ width, height, rgb }, side, 'image', framing);
      const start = performance.now();
      const embedding = await encoder.run(
        { [encoderSide.image]: tensor },
        (outputs) => {
          const milliseconds = performance.now() - start;
          const features = Object.fromEntries(
            encoderSide.features.map((name) => {
              const { data, shape } = named(encoder, outputs, name);
              return [name, { data: data.slice(), shape }];
            }),
          );
          return { width, height, embeddings: features[encoderSide.features[0]!]!, features, milliseconds };
        },
        runOptions,
      );
      last = embedding;
      return embedding;
    },
    segment: (async (prompt: SamPrompt<Embedding> & { readonly logits?: boolean }) =>
      prompt?.logits === true ? segment(prompt, (part) => part.slice()) : segment(prompt, inside)) as SamSession<
      never,
      never,
      never,
      never
    >['segment'],
    dispose: () => {
      disposed = true;
      last = undefined;
      encoder.dispose();
      decoder.dispose();
    },
  };
}

/** Progress counts the bytes of both; where one fails, neither stays. */
async function openBoth(
  { encoder, decoder }: SamDescription,
  packageUrl: string,
  options: LoadOptions,
): Promise<readonly [OpenModel, OpenModel]> {
  const models = [encoder, decoder] as const;
  const loaded = [0, 0];
  const totals = models.map(({ wasmWeightsBytes }) => wasmWeightsBytes ?? 0);
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const open = (model: ModelDescription, i: number): Promise<OpenModel> =>
    openModel(model, packageUrl, {
      ...options,
      onProgress: (done, total) => {
        loaded[i] = done;
        totals[i] = total;
        options.onProgress?.(sum(loaded), sum(totals));
      },
    });
  const results = await Promise.allSettled([open(encoder, 0), open(decoder, 1)]);
  const [first, second] = results;
  if (first.status === 'fulfilled' && second.status === 'fulfilled') return [first.value, second.value];
  for (const result of results) if (result.status === 'fulfilled') result.value.dispose();
  throw first.status === 'rejected' ? first.reason : second.status === 'rejected' ? second.reason : undefined;
}
