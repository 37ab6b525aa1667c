import { SamLoadError } from './errors.js';

/** Not a literal, so that bundlers for browsers leave it alone: only file: URLs come here. */
const FILE_SYSTEM = 'node:fs/promises';

async function readLocal(url: URL): Promise<Uint8Array> {
  const { readFile } = (await import(/* @vite-ignore */ /* webpackIgnore: true */ FILE_SYSTEM)) as {
    readFile: (path: URL) => Promise<Uint8Array>;
  };
  return readFile(url);
}

async function open(url: URL): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim());
  return response;
}

const failed = (url: URL, cause: unknown): SamLoadError =>
  new SamLoadError(`${url}: cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });

/** @throws SamLoadError */
export async function loadBytes(url: URL): Promise<Uint8Array> {
  try {
    return url.protocol === 'file:' ? await readLocal(url) : new Uint8Array(await (await open(url)).arrayBuffer());
  } catch (cause) {
    throw failed(url, cause);
  }
}

/**
 * Loads a file of known length to where it belongs, piece by piece.
 *
 * @throws SamLoadError, also where the file has another length
 */
export async function loadInto(
  target: Uint8Array,
  url: URL,
  onProgress?: (loaded: number, total: number) => void,
): Promise<void> {
  let at = 0;
  const take = (piece: Uint8Array): void => {
    if (at + piece.length > target.length)
      throw new Error(`it is longer than the ${target.length} bytes of this build's file`);
    target.set(piece, at);
    at += piece.length;
    onProgress?.(at, target.length);
  };
  try {
    if (url.protocol === 'file:') take(await readLocal(url));
    else {
      const body = (await open(url)).body;
      if (body === null) throw new Error('the answer is empty');
      const reader = body.getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) take(part.value);
    }
    if (at !== target.length) throw new Error(`it has ${at} bytes, ${target.length} belong to this build`);
  } catch (cause) {
    throw failed(url, cause);
  }
}
