import onnxProto from 'onnx-proto';
import { HOSTILE_NAMES } from './hostile-names.js';
import type { Random } from './random.js';

/**
 * Mutations of ONNX files: of the decoded message, whose fields are changed, removed, repeated and replaced by those of
 * other models, and of the bytes. The result is a function of the random sequence alone.
 */

const { onnx } = onnxProto;

/** A field of a decoded message, or an item of a repeated one. */
interface Slot {
  readonly parent: Record<string | number, unknown>;
  readonly key: string | number;
  /** The field that it is, or is an item of. */
  readonly field: string;
}
type Message = Record<string, unknown>;

const isMessage = (value: unknown): value is Message =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
/** 64-bit integers as protobufjs gives them. */
const isLong = (value: unknown): value is { low: number; high: number; unsigned: boolean } =>
  isMessage(value) && 'low' in value && 'high' in value;

/** Every field under `root`, itself left out. */
function slotsOf(root: object): readonly Slot[] {
  const slots: Slot[] = [];
  const visit = (parent: Record<string | number, unknown>, key: string | number, field: string): void => {
    const value = parent[key];
    slots.push({ parent, key, field });
    if (Array.isArray(value)) for (let i = 0; i < value.length; i++) visit(value as never, i, field);
    else if (isMessage(value) && !isLong(value)) for (const name of Object.keys(value)) visit(value, name, name);
  };
  for (const name of Object.keys(root)) visit(root as Message, name, name);
  return slots;
}

function clone<T>(value: T): T {
  if (value instanceof Uint8Array) return value.slice() as T;
  if (Array.isArray(value)) return value.map(clone) as T;
  if (!isMessage(value) || isLong(value)) return value;
  return Object.assign(Object.create(Object.getPrototypeOf(value)), mapValues(value));
}
const mapValues = (value: Message): Message =>
  Object.fromEntries(Object.entries(value).map(([key, item]) => [key, clone(item)]));

/** What fields of each name hold in the seeds: material for other models. */
export type Donors = ReadonlyMap<string, readonly unknown[]>;

const MOST_DONORS = 400;

/** Collects donors from models; those that cannot be decoded give none. */
export function donorsOf(models: readonly Uint8Array[]): Donors {
  const donors = new Map<string, unknown[]>();
  for (const bytes of models) {
    for (const { parent, key, field } of slotsOf(onnx.ModelProto.decode(bytes))) {
      const value = parent[key];
      if (Array.isArray(value)) continue;
      const list = donors.get(field) ?? [];
      if (list.length < MOST_DONORS) list.push(value);
      donors.set(field, list);
    }
  }
  return donors;
}

const INTEGERS = [0, 1, 2, 3, 4, 5, 7, 8, 16, 17, 64, 127, 255, 65535, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53];
const LONGS = [
  { low: 0, high: 0x80000000 | 0, unsigned: false },
  { low: -1, high: 0x7fffffff, unsigned: false },
  { low: -1, high: -1, unsigned: false },
  { low: 0, high: 1 << 21, unsigned: false },
];
const FLOATS = [0, -0, 1, -1, 0.5, 1e-45, 3.4e38, -3.4e38, Number.NaN, Number.POSITIVE_INFINITY];
const NAMES: readonly string[] = Object.values(HOSTILE_NAMES);

/** Another number: of note, near the old one, or of either sign. */
function number(value: number, random: Random): number {
  if (random.once(3)) return value + random.int(5) - 2;
  if (!Number.isInteger(value) || random.once(20)) return random.pick(FLOATS);
  return random.once(3) ? -random.pick(INTEGERS) : random.pick(INTEGERS);
}

function bytes(value: Uint8Array, random: Random): Uint8Array {
  const copy = new Uint8Array(random.once(4) ? Math.max(0, value.length + random.int(9) - 4) : value.length);
  copy.set(value.subarray(0, copy.length));
  for (let n = random.few(4); n > 0 && copy.length > 0; n--)
    copy[random.int(copy.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.int(256)]);
  return copy;
}

function list(items: unknown[], donors: readonly unknown[], random: Random): void {
  const at = random.int(items.length + 1);
  const donor = donors.length > 0 ? clone(random.pick(donors)) : undefined;
  const EDITS: readonly (() => void)[] = [
    () => items.splice(at, 1),
    () => donor !== undefined && items.splice(at, 0, donor),
    () => items.length > 0 && items.splice(at, 0, clone(random.pick(items))),
    () => items.length > 1 && items.splice(at, 0, ...items.splice(random.int(items.length), 1)),
    () => items.splice(at),
  ];
  random.pick(EDITS)();
}

function mutateSlot({ parent, key, field }: Slot, donors: Donors, slots: readonly Slot[], random: Random): void {
  const value = parent[key];
  const others = donors.get(field) ?? [];
  if (Array.isArray(value)) list(value, others, random);
  else if (others.length > 0 && random.once(3)) parent[key] = clone(random.pick(others));
  else if (typeof value === 'number') parent[key] = number(value, random);
  else if (isLong(value)) parent[key] = random.once(6) ? random.pick(LONGS) : number(value.low, random);
  else if (value instanceof Uint8Array) parent[key] = bytes(value, random);
  else if (typeof value === 'string') {
    // Mostly a name that means something elsewhere in the model: other operands, duplicates, cycles.
    const known = slots.flatMap((slot) =>
      typeof slot.parent[slot.key] === 'string' ? [slot.parent[slot.key] as string] : [],
    );
    parent[key] = random.once(4) ? random.pick(NAMES) : random.once(12) ? '' : random.pick(known);
  } else if (typeof key === 'string') delete parent[key];
}

/** Another model file. One in eight is damaged as bytes as well, or only that. */
export function mutateModel(model: Uint8Array, donors: Donors, random: Random): Uint8Array {
  if (random.once(12)) return damage(model, random);
  let result = model;
  try {
    const message = onnx.ModelProto.decode(model);
    for (let n = random.few(4); n > 0; n--) {
      const slots = slotsOf(message);
      if (slots.length > 0) mutateSlot(random.pick(slots), donors, slots, random);
    }
    result = onnx.ModelProto.encode(message).finish();
  } catch {
    // No longer a message: what is left to change are its bytes.
    return damage(model, random);
  }
  return random.once(24) ? damage(result, random) : result;
}

/** Changes bytes of any file: flips, cuts, insertions, pieces copied to elsewhere. */
export function damage(file: Uint8Array, random: Random): Uint8Array {
  let result = [...file];
  for (let n = random.few(6); n > 0; n--) {
    const at = random.int(result.length + 1);
    const length = random.few(16);
    const EDITS: readonly (() => void)[] = [
      () => {
        if (at < result.length) result[at]! ^= 1 << random.int(8);
      },
      () => {
        if (at < result.length) result[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.int(256)]);
      },
      () => result.splice(at, length),
      () => result.splice(at, 0, ...Array.from({ length }, () => random.int(256))),
      () => result.splice(at, 0, ...result.slice(random.int(result.length + 1)).slice(0, length)),
      () => {
        if (random.once(4)) result = result.slice(0, at);
      },
    ];
    random.pick(EDITS)();
  }
  return Uint8Array.from(result);
}
