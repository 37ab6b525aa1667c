import type { Backend, Progress } from './backend.js';
import type { ModelDescription } from './description.js';
import { SamArgumentError, SamError, SamLoadError, SamMemoryError } from './errors.js';
import { loadBytes } from './load-file.js';
import { ARRAY_TYPES, elementCount, type Tensor } from './tensor.js';

/** What node-addon.c exports. */
interface Addon {
  /** @throws where the package has no such model, the weights are not its own, or memory is short */
  readonly open: (model: string, weights: Uint8Array) => object;
  readonly run: (
    model: object,
    inputs: readonly Uint8Array[],
    symbols: readonly number[],
  ) => Promise<readonly RawOutput[]>;
  readonly close: (model: object) => void;
}

interface RawOutput {
  readonly data: ArrayBuffer;
  readonly shape: readonly number[];
}

const MODULE = 'node:module';

/** An addon is loaded once a process and file: two models of a package share it. */
async function loadAddon(url: URL): Promise<Addon> {
  if (url.protocol !== 'file:') throw new SamLoadError(`${url}: the native back end loads from file: URLs only`);
  try {
    const { createRequire } = (await import(/* @vite-ignore */ /* webpackIgnore: true */ MODULE)) as {
      createRequire: (from: URL) => (path: string) => unknown;
    };
    return createRequire(url)('./models.node') as Addon;
  } catch (cause) {
    throw new SamLoadError(
      `${url}: cannot be loaded; run 'make native' in the folder that the package was compiled to: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

const CODES: Readonly<Record<string, new (message: string, options?: ErrorOptions) => SamError>> = {
  SAM_ARGUMENT: SamArgumentError,
  SAM_LOAD: SamLoadError,
  SAM_MEMORY: SamMemoryError,
};

function typedError(model: string, cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const Type = Object.hasOwn(CODES, code) ? CODES[code] : undefined;
  return Type === undefined || !(cause instanceof Error) ? cause : new Type(`${model}: ${cause.message}`, { cause });
}

/**
 * Loads `native/models.node` and `native/<model>.weights`; runs are off the calling thread.
 *
 * @throws SamLoadError, SamMemoryError
 */
export async function openNative(
  description: ModelDescription,
  baseUrl: URL,
  onProgress: Progress | undefined,
): Promise<Backend> {
  const { name, nodes } = description;
  const addon = await loadAddon(new URL('native/models.node', baseUrl));
  const weights = await loadBytes(new URL(`native/${name}.weights`, baseUrl));
  onProgress?.(weights.length, weights.length);
  const model = ((): object => {
    try {
      return addon.open(name, weights);
    } catch (cause) {
      throw typedError(name, cause);
    }
  })();
  return {
    run: async (call, read) => {
      const inputs = call.inputs.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      let outputs: readonly RawOutput[];
      try {
        outputs = await addon.run(model, inputs, call.symbols);
      } catch (cause) {
        throw typedError(name, cause);
      }
      call.onProgress?.(nodes, nodes);
      return read(
        outputs.map(({ data, shape }, i): Tensor => {
          const dtype = description.outputs[i]?.dtype;
          if (dtype === undefined) throw new SamError(`${name} has no output ${i}`);
          return { data: ARRAY_TYPES[dtype].view(data, 0, elementCount(shape)), shape };
        }),
      );
    },
    dispose: () => addon.close(model),
  };
}
