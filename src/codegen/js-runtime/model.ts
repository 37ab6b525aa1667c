import type { Backend, BackendName, Progress } from './backend.js';
import { checkInputs } from './check-inputs.js';
import type { ModelDescription } from './description.js';
import { SamArgumentError, SamDisposedError } from './errors.js';
import { openNative } from './native-backend.js';
import { copyTensor, type Tensor } from './tensor.js';
import { openWasm } from './wasm-backend.js';

export interface LoadOptions {
  /** `wasm` (the default) runs anywhere; `native` in Node.js, after `make native` in the folder that the package was compiled to. */
  readonly backend?: BackendName;
  /** Where the `.wasm` and `.weights` files (`native/` for that back end) lie; default: beside this module. */
  readonly baseUrl?: string | URL;
  /** Bytes of weights loaded, of how many. */
  readonly onProgress?: Progress;
}

export interface RunOptions {
  /** Steps done, of how many. The native back end reports the end only. */
  readonly onProgress?: Progress;
}

/** A model that is loaded. Outputs belong to the caller. */
export interface Model<Inputs, Outputs> {
  readonly description: ModelDescription;
  /**
   * Runs the model; a second call waits for the first.
   *
   * @throws SamArgumentError for inputs that are not what the model takes, before anything runs; SamMemoryError; SamDisposedError
   */
  readonly run: (inputs: Inputs, options?: RunOptions) => Promise<Outputs>;
  /** Lets go of the memory. Calling it again does nothing. */
  readonly dispose: () => void;
}

/** For the runtime itself: outputs are read where they lie. */
export interface OpenModel {
  readonly description: ModelDescription;
  readonly run: <T>(inputs: unknown, read: (outputs: readonly Tensor[]) => T, options?: RunOptions) => Promise<T>;
  readonly dispose: () => void;
}

const BACKENDS: Readonly<Record<BackendName, typeof openWasm>> = { wasm: openWasm, native: openNative };

function resolveBase(baseUrl: string | URL | undefined, packageUrl: string): URL {
  if (baseUrl === undefined) return new URL('.', packageUrl);
  const text = String(baseUrl);
  try {
    return new URL(text.endsWith('/') ? text : `${text}/`, packageUrl);
  } catch (cause) {
    throw new SamArgumentError(`baseUrl: ${JSON.stringify(text)} is not a URL`, { cause });
  }
}

/** @param packageUrl of the module that the package's files lie beside */
export async function openModel(
  description: ModelDescription,
  packageUrl: string,
  options: LoadOptions = {},
): Promise<OpenModel> {
  const { backend: name = 'wasm', onProgress } = options;
  if (!Object.hasOwn(BACKENDS, name))
    throw new SamArgumentError(`backend: ${JSON.stringify(name)} is none of ${Object.keys(BACKENDS).join(', ')}`);
  let backend: Backend | undefined = await BACKENDS[name](
    description,
    resolveBase(options.baseUrl, packageUrl),
    onProgress,
  );
  let last: Promise<unknown> = Promise.resolve();
  const live = (): Backend => {
    if (backend === undefined) throw new SamDisposedError(`${description.name}: used after dispose()`);
    return backend;
  };
  return {
    description,
    run: async (inputs, read, runOptions = {}) => {
      live();
      const checked = checkInputs(description, inputs);
      const turn = last.then(() => live().run({ ...checked, onProgress: runOptions.onProgress }, read));
      last = turn.catch(() => {});
      return turn;
    },
    dispose: () => {
      const closing = backend;
      backend = undefined;
      if (closing !== undefined) last = last.then(() => closing.dispose());
    },
  };
}

/** The typed face of an open model: the types are what the generated index says of `description`. */
export function typedModel<Inputs, Outputs>({ description, run, dispose }: OpenModel): Model<Inputs, Outputs> {
  return {
    description,
    run: (inputs, options) =>
      run(
        inputs,
        (outputs) =>
          Object.fromEntries(
            outputs.map((tensor, i) => [description.outputs[i]?.name ?? String(i), copyTensor(tensor)]),
          ) as Outputs,
        options,
      ),
    dispose,
  };
}

export async function loadModel<Inputs, Outputs>(
  description: ModelDescription,
  packageUrl: string,
  options?: LoadOptions,
): Promise<Model<Inputs, Outputs>> {
  return typedModel(await openModel(description, packageUrl, options));
}
