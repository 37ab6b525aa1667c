import { readFile, writeFile } from 'node:fs/promises';
import { unzipSync, zipSync } from 'fflate';
import { UserError } from './user-error.js';

/** Element types, by the names of the IR, and what holds them. f16 are bit patterns; bool is 0 or 1. */
export interface NpyData {
  f16: Uint16Array;
  f32: Float32Array;
  f64: Float64Array;
  i8: Int8Array;
  i16: Int16Array;
  i32: Int32Array;
  i64: BigInt64Array;
  u8: Uint8Array;
  u16: Uint16Array;
  u32: Uint32Array;
  u64: BigUint64Array;
  bool: Uint8Array;
}

export type NpyType = keyof NpyData;

/** An array in row-major order. A scalar has shape []. */
export type NpyArray = {
  readonly [T in NpyType]: { readonly dtype: T; readonly shape: readonly number[]; readonly data: NpyData[T] };
}[NpyType];

interface TypeFormat {
  /** Type and item size, as NumPy's `descr` has them after the byte order. */
  readonly code: string;
  readonly bytes: number;
  readonly view: (buffer: ArrayBuffer) => NpyData[NpyType];
}

const FORMATS: { readonly [T in NpyType]: TypeFormat } = {
  f16: { code: 'f2', bytes: 2, view: (buffer) => new Uint16Array(buffer) },
  f32: { code: 'f4', bytes: 4, view: (buffer) => new Float32Array(buffer) },
  f64: { code: 'f8', bytes: 8, view: (buffer) => new Float64Array(buffer) },
  i8: { code: 'i1', bytes: 1, view: (buffer) => new Int8Array(buffer) },
  i16: { code: 'i2', bytes: 2, view: (buffer) => new Int16Array(buffer) },
  i32: { code: 'i4', bytes: 4, view: (buffer) => new Int32Array(buffer) },
  i64: { code: 'i8', bytes: 8, view: (buffer) => new BigInt64Array(buffer) },
  u8: { code: 'u1', bytes: 1, view: (buffer) => new Uint8Array(buffer) },
  u16: { code: 'u2', bytes: 2, view: (buffer) => new Uint16Array(buffer) },
  u32: { code: 'u4', bytes: 4, view: (buffer) => new Uint32Array(buffer) },
  u64: { code: 'u8', bytes: 8, view: (buffer) => new BigUint64Array(buffer) },
  bool: { code: 'b1', bytes: 1, view: (buffer) => new Uint8Array(buffer) },
};

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY

/**
 * Decodes an .npy file, versions 1 to 3, little-endian, C order.
 *
 * @param source what to call the file in errors
 */
export function decodeNpy(bytes: Uint8Array, source: string): NpyArray {
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte))
    throw new UserError(`${source}: not an .npy file`);
  const version = bytes[6]!;
  if (version < 1 || version > 3) throw new UserError(`${source}: .npy version ${version} is not known (1 to 3 are)`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lengthBytes = version === 1 ? 2 : 4;
  if (bytes.length < 8 + lengthBytes) throw new UserError(`${source}: ends inside the .npy header`);
  const start = 8 + lengthBytes + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (bytes.length < start) throw new UserError(`${source}: ends inside the .npy header`);
  const header = new TextDecoder().decode(bytes.subarray(8 + lengthBytes, start));
  const { descr, fortranOrder, shape } = parseHeader(header, source);
  if (fortranOrder && shape.length > 1) {
    throw new UserError(`${source}: in Fortran order; save it with numpy.ascontiguousarray(x) first`);
  }
  const dtype = typeOf(descr, source);
  const expected = shape.reduce((product, dim) => product * dim, 1) * FORMATS[dtype].bytes;
  if (bytes.length - start !== expected) {
    throw new UserError(
      `${source}: ${dtype} of shape [${shape.join(', ')}] takes ${expected} bytes, the file has ${bytes.length - start}`,
    );
  }
  // A copy: a typed array must start at a multiple of its item size.
  const buffer = new Uint8Array(bytes.subarray(start)).buffer;
  return { dtype, shape, data: FORMATS[dtype].view(buffer) } as NpyArray;
}

/** The header is a Python dictionary literal with three keys in any order. */
function parseHeader(header: string, source: string): { descr: string; fortranOrder: boolean; shape: number[] } {
  const descr = /['"]descr['"]\s*:\s*['"]([^'"]*)['"]/.exec(header)?.[1];
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(header)?.[1];
  const dims = /['"]shape['"]\s*:\s*\(([\dL,\s]*)\)/.exec(header)?.[1];
  if (/['"]descr['"]\s*:\s*\[/.test(header)) throw new UserError(`${source}: structured arrays are not supported`);
  if (descr === undefined || order === undefined || dims === undefined) {
    throw new UserError(`${source}: .npy header lacks descr, fortran_order or shape: ${header.trim()}`);
  }
  const shape = dims
    .split(',')
    .map((dim) => dim.trim().replace(/L$/, ''))
    .filter((dim) => dim !== '')
    .map(Number);
  return { descr, fortranOrder: order === 'True', shape };
}

function typeOf(descr: string, source: string): NpyType {
  const code = descr.slice(1);
  const dtype = (Object.keys(FORMATS) as NpyType[]).find((type) => FORMATS[type].code === code);
  if (dtype === undefined) throw new UserError(`${source}: element type ${descr} is not supported`);
  if (descr.startsWith('>')) throw new UserError(`${source}: big-endian (${descr}); save it as <${code}`);
  return dtype;
}

/** Encodes as version 1 (version 2 for a header above 64 KiB), data aligned to 64 bytes as NumPy does. */
export function encodeNpy({ dtype, shape, data }: NpyArray): Uint8Array {
  const count = shape.reduce((product, dim) => product * dim, 1);
  if (data.length !== count) {
    throw new Error(`encodeNpy: ${data.length} elements given for shape [${shape.join(', ')}]`);
  }
  const { code, bytes } = FORMATS[dtype];
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const literal = `{'descr': '${bytes === 1 ? '|' : '<'}${code}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const version = literal.length + 75 > 0xffff ? 2 : 1;
  const prefix = version === 1 ? 10 : 12;
  const total = Math.ceil((prefix + literal.length + 1) / 64) * 64;
  const out = new Uint8Array(total + data.byteLength);
  out.set([...MAGIC, version, 0]);
  const view = new DataView(out.buffer);
  if (version === 1) view.setUint16(8, total - prefix, true);
  else view.setUint32(8, total - prefix, true);
  out.set(new TextEncoder().encode(`${literal.padEnd(total - prefix - 1)}\n`), prefix);
  out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), total);
  return out;
}

export async function readNpy(path: string): Promise<NpyArray> {
  return decodeNpy(await readBytes(path), path);
}

export async function writeNpy(path: string, array: NpyArray): Promise<void> {
  await writeFile(path, encodeNpy(array));
}

/** Arrays of an .npz archive by name, in the order of the archive. */
export async function readNpz(path: string): Promise<Map<string, NpyArray>> {
  const bytes = await readBytes(path);
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes);
  } catch (cause) {
    throw new UserError(`${path}: not an .npz archive: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  const arrays = new Map<string, NpyArray>();
  for (const [entry, content] of Object.entries(entries)) {
    if (!entry.endsWith('.npy')) throw new UserError(`${path}: entry ${entry} is not an .npy file`);
    arrays.set(entry.slice(0, -'.npy'.length), decodeNpy(content, `${path}: ${entry}`));
  }
  return arrays;
}

/** Writes a compressed .npz archive, without dates: the same arrays give the same bytes. */
export async function writeNpz(path: string, arrays: ReadonlyMap<string, NpyArray>): Promise<void> {
  const entries = [...arrays].map(([name, array]) => [`${name}.npy`, encodeNpy(array)] as const);
  await writeFile(path, zipSync(Object.fromEntries(entries), { mtime: '1980-01-01T00:00:00' }));
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new UserError(`${path}: cannot be read: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}
