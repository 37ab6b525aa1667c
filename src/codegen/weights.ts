import { type FileHandle, open } from 'node:fs/promises';

/** A run of bytes in the weights file, produced when it is written. */
export interface WeightSection {
  readonly key: string;
  /** From the start of the file. */
  readonly offset: number;
  readonly bytes: number;
  readonly produce: () => Uint8Array;
}

/**
 * The file: a header of 64 bytes, then the sections. Header, little-endian: magic 'SQW1', version u32, bytes of the file
 * u64, checksum u64, zeros. The checksum covers everything after the header; the program knows it and the length, so a
 * weights file and a program that do not belong together are found out.
 */
export const WEIGHTS_HEADER_BYTES = 64;
export const WEIGHTS_VERSION = 1;
const MAGIC = [0x53, 0x51, 0x57, 0x31];
export const SECTION_ALIGN = 64;

const roundUp = (x: number, to: number): number => Math.ceil(x / to) * to;

/** Collects sections and gives them their places. */
export interface WeightLayout {
  /** Offset in the file. Equal keys share a section; `align` is a power of two, at most 64. */
  add(key: string, bytes: number, align: number, produce: () => Uint8Array): number;
  sections(): readonly WeightSection[];
  /** Length of the file: whole lines of 64 bytes, as the checksum reads them. */
  bytes(): number;
}

export function createWeightLayout(): WeightLayout {
  const sections = new Map<string, WeightSection>();
  let end = WEIGHTS_HEADER_BYTES;
  return {
    add: (key, bytes, align, produce) => {
      const known = sections.get(key);
      if (known !== undefined) {
        if (known.bytes === bytes) return known.offset;
        throw new Error(`weights section ${key} is asked for with ${known.bytes} and with ${bytes} bytes`);
      }
      if (![1, 2, 4, 8, 16, 32, 64].includes(align)) throw new Error(`weights section ${key}: alignment ${align}`);
      // What fills a cache line starts on one; only what is smaller is packed tighter.
      const offset = roundUp(end, bytes >= SECTION_ALIGN ? SECTION_ALIGN : align);
      sections.set(key, { key, offset, bytes, produce });
      end = offset + bytes;
      return offset;
    },
    sections: () => [...sections.values()],
    bytes: () => roundUp(end, SECTION_ALIGN),
  };
}

const LANES = 16;
const PRIME = 0x01000193;
const BASIS = 0x811c9dc5;

/**
 * The checksum of runtime/sq_program.h: 16 lanes of 32-bit FNV-1a over 32-bit words, so that it vectorises on every target;
 * then FNV-1a of 64 bits over the lanes. Each step is a bijection of the state: any change within one lane is found.
 */
export function createChecksum(): { update(lines: Uint8Array): void; finish(): bigint } {
  const lanes = new Int32Array(LANES).fill(BASIS);
  return {
    update: (lines) => {
      if (lines.length % (LANES * 4) !== 0) throw new Error('the checksum takes whole lines of 64 bytes');
      const words = new Int32Array(lines.buffer, lines.byteOffset, lines.length / 4);
      for (let at = 0; at < words.length; at += LANES)
        for (let lane = 0; lane < LANES; lane++) lanes[lane] = Math.imul(lanes[lane]! ^ words[at + lane]!, PRIME);
    },
    finish: () => {
      let hash = 0xcbf29ce484222325n;
      for (const lane of new Uint32Array(lanes.buffer))
        hash = BigInt.asUintN(64, (hash ^ BigInt(lane)) * 0x100000001b3n);
      return hash;
    },
  };
}

const CHUNK_BYTES = 1 << 20;

/** All of `bytes`: where the disk is nearly full a single write takes a part of them and says nothing. */
async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
}

/**
 * Writes the file, one section in memory at a time.
 * @returns the checksum
 */
export async function writeWeights(path: string, layout: WeightLayout): Promise<bigint> {
  const file = await open(path, 'w');
  try {
    const checksum = createChecksum();
    const chunk = new Uint8Array(CHUNK_BYTES);
    let filled = 0;
    let position = 0;
    const flush = async (): Promise<void> => {
      if (filled === 0) return;
      checksum.update(chunk.subarray(0, filled));
      await writeAll(file, chunk.subarray(0, filled), WEIGHTS_HEADER_BYTES + position - filled);
      filled = 0;
    };
    const push = async (bytes: Uint8Array): Promise<void> => {
      for (let from = 0; from < bytes.length; ) {
        const count = Math.min(bytes.length - from, CHUNK_BYTES - filled);
        chunk.set(bytes.subarray(from, from + count), filled);
        filled += count;
        position += count;
        from += count;
        if (filled === CHUNK_BYTES) await flush();
      }
    };
    for (const section of layout.sections()) {
      await push(new Uint8Array(section.offset - WEIGHTS_HEADER_BYTES - position));
      const bytes = section.produce();
      if (bytes.length !== section.bytes)
        throw new Error(`weights section ${section.key}: ${section.bytes} bytes announced, ${bytes.length} produced`);
      await push(bytes);
    }
    await push(new Uint8Array(layout.bytes() - WEIGHTS_HEADER_BYTES - position));
    await flush();
    const value = checksum.finish();
    const header = new DataView(new ArrayBuffer(WEIGHTS_HEADER_BYTES));
    MAGIC.forEach((byte, i) => {
      header.setUint8(i, byte);
    });
    header.setUint32(4, WEIGHTS_VERSION, true);
    header.setBigUint64(8, BigInt(layout.bytes()), true);
    header.setBigUint64(16, value, true);
    await writeAll(file, new Uint8Array(header.buffer), 0);
    return value;
  } finally {
    await file.close();
  }
}
