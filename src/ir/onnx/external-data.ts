import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, resolve, sep, win32 } from 'node:path';
import { ModelError } from './model-error.js';
import { toNumber } from './proto.js';

/** Bytes of a file beside the model. */
export interface ExternalRange {
  readonly model: string;
  readonly what: string;
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
}

interface Entry {
  readonly key?: string | null;
  readonly value?: string | null;
}

const SAFE_INTEGER = /^\d{1,15}$/;

/**
 * Finds and checks the file of a tensor stored outside the model (ONNX "external data"). The file must lie in the
 * model's folder, after symbolic links are followed, and be long enough. Nothing is read yet.
 */
export function locateExternalData(
  entries: readonly Entry[],
  bytes: number,
  model: string,
  what: string,
): ExternalRange {
  const fail = (reason: string): never => {
    throw new ModelError(model, what, reason);
  };
  const fields = new Map(entries.map(({ key, value }) => [key ?? '', value ?? '']));
  const location = fields.get('location');
  if (location === undefined || location === '') return fail('external data without a location');
  const integer = (key: string): number | undefined => {
    const text = fields.get(key);
    if (text === undefined || text === '') return undefined;
    return SAFE_INTEGER.test(text) ? toNumber(Number(text)) : fail(`external data has the ${key} '${text}'`);
  };
  const offset = integer('offset') ?? 0;
  const length = integer('length');
  if (length !== undefined && length !== bytes)
    fail(`external data has a length of ${length} bytes where the tensor's shape needs ${bytes}`);

  if (isAbsolute(location) || win32.isAbsolute(location) || location.includes('\0'))
    fail(`external data at '${location}': absolute paths are refused`);
  if (location.split(/[\\/]/).includes('..'))
    fail(`external data at '${location}': paths that leave the model's folder are refused`);
  const folder = realpathSync(dirname(resolve(model)));
  const path = resolve(folder, location);
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    return fail(`external data file '${location}' is missing`);
  }
  if (!real.startsWith(folder.endsWith(sep) ? folder : folder + sep))
    fail(`external data at '${location}': a symbolic link leaves the model's folder`);
  const stat = statSync(real);
  if (!stat.isFile()) fail(`external data at '${location}' is not a file`);
  if (offset + bytes > stat.size)
    fail(`external data file '${location}' is too short: ${offset + bytes} bytes are needed, it has ${stat.size}`);
  return { model, what, path: real, offset, bytes };
}

/** Node.js reads at most 2 GiB at a time. */
const PIECE = 1 << 30;

export function readExternalData({ model, what, path, offset, bytes }: ExternalRange): Uint8Array {
  const buffer = new Uint8Array(bytes);
  const descriptor = openSync(path, 'r');
  try {
    for (let done = 0; done < bytes; ) {
      const read = readSync(descriptor, buffer, done, Math.min(PIECE, bytes - done), offset + done);
      if (read === 0) throw new ModelError(model, what, 'external data changed while the model was compiled');
      done += read;
    }
  } finally {
    closeSync(descriptor);
  }
  return buffer;
}
