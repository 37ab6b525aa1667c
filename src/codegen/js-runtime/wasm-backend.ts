import type { Backend, Progress } from './backend.js';
import type { ModelDescription } from './description.js';
import { SamArgumentError, SamError, SamLoadError, SamMemoryError } from './errors.js';
import { loadBytes, loadInto } from './load-file.js';
import { ARRAY_TYPES, elementCount, type Tensor } from './tensor.js';

/** What wasm.c exports. Addresses and statuses are 32-bit integers. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly open: () => number;
  readonly arena_bytes: () => number;
  readonly init: (weights: number, weightsBytes: number, arena: number, arenaBytes: number) => number;
  readonly set_input: (input: number, address: number) => void;
  readonly set_symbol: (symbol: number, value: number) => void;
  readonly set_output: (output: number, address: number) => void;
  readonly output_dims: () => number;
  readonly output_dim: (output: number, axis: number) => number;
  readonly run: (observed: number) => number;
  readonly error_string: (status: number) => number;
}

const PAGE = 65536;
const LINE = 64;
const align = (address: number): number => Math.ceil(address / LINE) * LINE;

/** Statuses that follow from values of the inputs: SQ_ERROR_SYMBOL, SQ_ERROR_SCALAR, SQ_ERROR_DIMENSION. */
const ARGUMENT_STATUSES: readonly number[] = [8, 9, 10];

/**
 * Loads `<model>.wasm` and `<model>.weights`. The memory holds, in this order: what the linker placed, weights, arena; then
 * inputs and outputs of a run, for which it grows to the largest run there was and never more.
 *
 * @throws SamLoadError, SamMemoryError
 */
export async function openWasm(
  description: ModelDescription,
  baseUrl: URL,
  onProgress: Progress | undefined,
): Promise<Backend> {
  const { name, wasmWeightsBytes } = description;
  if (wasmWeightsBytes === undefined)
    throw new SamLoadError(`${name}: this package has no WebAssembly build: its weights do not fit a 32-bit memory`);
  const url = new URL(`${name}.wasm`, baseUrl);
  let onNode: (node: number) => void = () => {};
  const wasm = await instantiate(url, await loadBytes(url), (node) => onNode(node));

  const weights = wasm.open();
  const arena = align(weights + wasmWeightsBytes);
  const arenaBytes = wasm.arena_bytes() >>> 0;
  const free = align(arena + arenaBytes);
  reserve(wasm.memory, free);
  await loadInto(
    new Uint8Array(wasm.memory.buffer, weights, wasmWeightsBytes),
    new URL(`${name}.weights`, baseUrl),
    onProgress,
  );
  const status = wasm.init(weights, wasmWeightsBytes, arena, arenaBytes);
  if (status !== 0) throw new SamLoadError(`${name}.weights: ${messageOf(wasm, status)}`);

  const check = (result: number): void => {
    if (result === 0) return;
    const message = `${name}: ${messageOf(wasm, result)}`;
    throw ARGUMENT_STATUSES.includes(result) ? new SamArgumentError(message) : new SamError(message);
  };
  return {
    run: async (call, read) => {
      const inputs = places(
        call.inputs.map(({ data }) => data.byteLength),
        free,
      );
      reserve(wasm.memory, inputs.end);
      call.inputs.forEach(({ data }, i) => {
        const at = inputs.starts[i] ?? 0;
        new Uint8Array(wasm.memory.buffer, at, data.byteLength).set(
          new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
        );
        wasm.set_input(i, at);
      });
      call.symbols.forEach((value, i) => {
        wasm.set_symbol(i, value);
      });
      check(wasm.output_dims());
      const shapes = description.outputs.map(({ shape }, i) => shape.map((_, axis) => wasm.output_dim(i, axis)));
      const outputs = places(
        shapes.map((shape, i) => elementCount(shape) * ARRAY_TYPES[outputType(description, i)].bytes),
        inputs.end,
      );
      reserve(wasm.memory, outputs.end);
      outputs.starts.forEach((at, i) => {
        wasm.set_output(i, at);
      });
      const { onProgress: report } = call;
      onNode = report === undefined ? () => {} : (node) => report(node + 1, description.nodes);
      check(wasm.run(report === undefined ? 0 : 1));
      return read(
        shapes.map(
          (shape, i): Tensor => ({
            data: ARRAY_TYPES[outputType(description, i)].view(
              wasm.memory.buffer,
              outputs.starts[i] ?? 0,
              elementCount(shape),
            ),
            shape,
          }),
        ),
      );
    },
    dispose: () => {},
  };
}

async function instantiate(url: URL, bytes: Uint8Array, progress: (node: number) => void): Promise<Exports> {
  try {
    const { instance } = await WebAssembly.instantiate(new Uint8Array(bytes), { sam_qc: { progress } });
    return instance.exports as unknown as Exports;
  } catch (cause) {
    throw new SamLoadError(
      `${url}: not a module that this machine runs (WebAssembly with SIMD is needed): ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/** Grows a memory to at least `bytes`. */
function reserve(memory: WebAssembly.Memory, bytes: number): void {
  const pages = Math.ceil((bytes - memory.buffer.byteLength) / PAGE);
  if (pages <= 0) return;
  try {
    memory.grow(pages);
  } catch (cause) {
    throw new SamMemoryError(`${bytes} bytes of memory are needed and cannot be had`, { cause });
  }
}

/** Where blocks of these sizes lie one after the other. */
function places(sizes: readonly number[], from: number): { readonly starts: readonly number[]; readonly end: number } {
  let end = from;
  const starts = sizes.map((bytes) => {
    const at = end;
    // An empty tensor too has an address of its own.
    end = align(at + Math.max(bytes, 1));
    return at;
  });
  return { starts, end };
}

function outputType({ name, outputs }: ModelDescription, index: number): keyof typeof ARRAY_TYPES {
  const output = outputs[index];
  if (output === undefined) throw new SamError(`${name} has no output ${index}`);
  return output.dtype;
}

function messageOf(wasm: Exports, status: number): string {
  const bytes = new Uint8Array(wasm.memory.buffer, wasm.error_string(status));
  return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
}
