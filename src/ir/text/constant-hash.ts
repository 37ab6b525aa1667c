import { createHash } from 'node:crypto';
import type { Constant } from '../graph.js';

const hashes = new WeakMap<Constant, string>();

/** sha256 of a constant's elements as they lie in memory, in hexadecimal. Loads the constant once. */
export function constantHash(constant: Constant): string {
  let hash = hashes.get(constant);
  if (hash === undefined) {
    const { data } = constant.load();
    hash = createHash('sha256')
      .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
      .digest('hex');
    hashes.set(constant, hash);
  }
  return hash;
}

/** A constant known by its hash alone: it prints as itself; asking for its elements is an error. */
export function opaqueConstant(hash: string): Constant {
  const constant: Constant = {
    load: () => {
      throw new Error(`the elements of constant sha256:${hash} are not in the text form; parse with a resolver`);
    },
  };
  hashes.set(constant, hash);
  return constant;
}
