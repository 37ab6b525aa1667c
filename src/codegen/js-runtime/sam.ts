import { toDecoderPrompt } from '../../decoder-prompt.js';
import { preparePixels } from '../../prepare-image.js';
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
  /** Logits of each candidate at the decoder's own size, to be given back as `mask`. */
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
  /** Side of the square that the encoder sees, in pixels. */
  readonly side: number;
  /** Names of the encoder's input and output. */
  readonly image: string;
  readonly embeddings: string;
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

function limitsOf({ decoder, side }: SamDescription): PromptLimits {
  const shape = decoder.inputs.find(({ name }) => name === 'point_labels')?.shape[1];
  const mask = decoder.inputs.find(({ name }) => name === 'mask_input')?.shape;
  const points =
    typeof shape === 'number' ? shape : (decoder.symbols.find(({ name }) => name === shape)?.max ?? Infinity);
  return { points, side, mask: mask?.filter((dim) => typeof dim === 'number') };
}

/** Zeros, or what the prompt gives, for each of the decoder's inputs besides embeddings, points and size. */
const optionalInputs = (description: ModelDescription, mask: Float32Array | undefined): Record<string, Float32Array> =>
  Object.fromEntries(
    description.inputs.flatMap(({ name, shape }): (readonly [string, Float32Array])[] => {
      const elements = shape.reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : 1), 1);
      if (name === 'mask_input') return [[name, mask ?? new Float32Array(elements)]];
      if (name === 'has_mask_input') return [[name, new Float32Array(elements).fill(mask === undefined ? 0 : 1)]];
      return [];
    }),
  );

/** Loads both models. */
export async function loadSam<EncoderInputs, EncoderOutputs, DecoderInputs, DecoderOutputs>(
  description: SamDescription,
  packageUrl: string,
  options: LoadOptions = {},
): Promise<SamSession<EncoderInputs, EncoderOutputs, DecoderInputs, DecoderOutputs>> {
  const [encoder, decoder] = await openBoth(description, packageUrl, options);
  const limits = limitsOf(description);
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
    const { point_coords, point_labels, orig_im_size, count } = toDecoderPrompt(
      { points, labels },
      { width, height },
      description.side,
    );
    const inputs = {
      image_embeddings: embedding.embeddings,
      point_coords: { data: point_coords, shape: [1, count, 2] },
      point_labels: { data: point_labels, shape: [1, count] },
      orig_im_size,
      ...optionalInputs(description.decoder, mask),
    };
    const start = performance.now();
    return decoder.run(inputs, (outputs) => {
      const milliseconds = performance.now() - start;
      const split = <T>(name: string, take: (part: Float32Array) => T): T[] => {
        const { data } = named(decoder, outputs, name);
        const size = data.length / iou.length;
        return Array.from(iou, (_, i) => take(data.subarray(i * size, (i + 1) * size)));
      };
      const iou = named(decoder, outputs, 'iou_predictions').data.slice();
      return {
        width,
        height,
        masks: split('masks', toMask),
        iou,
        best: iou.indexOf(Math.max(...iou)),
        lowResMasks: split('low_res_masks', (part) => part.slice()),
        milliseconds,
      };
    });
  };
  return {
    encoder: typedModel(encoder),
    decoder: typedModel(decoder),
    encode: async (image, runOptions) => {
      live();
      const { width, height, rgb } = checkImage(image, description.side);
      const { tensor } = preparePixels({ width, height, rgb }, description.side, 'image');
      const start = performance.now();
      const embedding = await encoder.run(
        { [description.image]: tensor },
        (outputs) => {
          const milliseconds = performance.now() - start;
          const { data, shape } = named(encoder, outputs, description.embeddings);
          return { width, height, embeddings: { data: data.slice(), shape }, milliseconds };
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
