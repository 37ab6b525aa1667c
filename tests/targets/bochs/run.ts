/**
 * Runs a statically linked Linux program for x86-64 on a processor with AVX-512 VNNI and VBMI that Bochs emulates:
 *
 *     tsx run.ts <program> [argument...]
 *
 * There is no operating system in the emulated machine but kernel.c. The program can read the files that its arguments name
 * (also as `name=file`) and the weights in the folder above its own; what it writes to files is written to files here.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const ROM_BYTES = 0x10000;
/** Of the disk: 16 heads of 63 sectors of 512 bytes. */
const CYLINDER_BYTES = 16 * 63 * 512;
const MEMORY_MB = 512;

/** The ROM: machine.S and kernel.c at 0xf0000, the reset vector in its last 16 bytes. */
function buildRom(folder: string): string {
  const elf = join(folder, 'rom.elf');
  const rom = join(folder, 'rom.bin');
  const flags = ['-std=c11', '-O2', '-ffreestanding', '-fno-pie', '-no-pie', '-nostdlib', '-static', '-fno-builtin'];
  const bare = [
    '-mgeneral-regs-only',
    '-mno-red-zone',
    '-fno-stack-protector',
    '-fcf-protection=none',
    '-fno-asynchronous-unwind-tables',
  ];
  const place = [
    '-Ttext=0xf0000',
    '-Tbss=0x10000',
    '--section-start=.reset=0xffff0',
    '--build-id=none',
    '-e',
    '0xf0000',
  ];
  const strict = ['-Wall', '-Wextra', '-Werror'];
  const sources = ['machine.S', 'kernel.c'].map((file) => join(here, file));
  execFileSync('gcc', [...flags, ...bare, ...strict, ...place.map((flag) => `-Wl,${flag}`), ...sources, '-o', elf]);
  const sections = ['.text', '.rodata', '.data', '.reset'].flatMap((name) => ['-j', name]);
  execFileSync('objcopy', ['-O', 'binary', '--gap-fill', '0', ...sections, elf, rom]);
  if (statSync(rom).size !== ROM_BYTES) throw new Error(`the ROM has ${statSync(rom).size} bytes`);
  return rom;
}

interface Program {
  /** What lies in memory from `base`. */
  readonly memory: Buffer;
  readonly base: number;
  readonly entry: number;
  readonly headers: number;
  readonly headerCount: number;
}

/** Reads an ELF file of fixed addresses. */
function readProgram(path: string): Program {
  const elf = readFileSync(path);
  const word = (at: number): number => Number(elf.readBigUInt64LE(at));
  if (elf.readUInt32BE(0) !== 0x7f454c46 || elf.readUInt16LE(16) !== 2)
    throw new Error(`${path} is not linked with -static`);
  const table = word(32);
  const headerCount = elf.readUInt16LE(56);
  const loads = Array.from({ length: headerCount }, (_, i) => table + 56 * i)
    .filter((at) => elf.readUInt32LE(at) === 1)
    .map((at) => ({ from: word(at + 8), to: word(at + 16), bytes: word(at + 32), size: word(at + 40) }));
  const base = Math.min(...loads.map(({ to }) => to));
  const end = Math.max(...loads.map(({ to, size }) => to + size));
  const memory = Buffer.alloc(end - base);
  for (const { from, to, bytes } of loads) elf.copy(memory, to - base, from, from + bytes);
  return { memory, base, entry: word(24), headers: base + table, headerCount };
}

/** Files that the program may want: those that its arguments name, and the weights of a package. */
function filesFor(program: string, args: readonly string[]): readonly string[] {
  const named = args.map((arg) => arg.slice(arg.indexOf('=') + 1));
  const above = `${dirname(program)}/..`;
  const weights = readdirSync(above).filter((name) => name.endsWith('.weights'));
  const paths = [...named, ...weights.map((name) => `${above}/${name}`)];
  return paths.filter((path) => existsSync(path) && statSync(path).isFile());
}

/** What kernel.c reads: an image_header and what follows it. */
function diskOf(program: Program, args: readonly string[], files: readonly string[]): Buffer {
  const words = (...numbers: readonly number[]): Buffer => Buffer.from(BigUint64Array.from(numbers, BigInt).buffer);
  const counted = (data: Buffer): Buffer => Buffer.concat([words(data.length), data]);
  const { memory, base, entry, headers, headerCount } = program;
  const content = [
    words(base, entry, headers, headerCount, args.length, files.length),
    counted(memory),
    ...args.map((arg) => counted(Buffer.from(`${arg}\0`))),
    ...files.flatMap((path) => [counted(Buffer.from(path)), counted(readFileSync(path))]),
  ];
  const bytes = 8 + content.reduce((sum, { length }) => sum + length, 0);
  const padding = Buffer.alloc(CYLINDER_BYTES - (bytes % CYLINDER_BYTES));
  return Buffer.concat([words(bytes), ...content, padding]);
}

/** What the machine sent: output, files, how it ended. */
function replay(sent: Buffer): number {
  const files = new Map<number, { readonly path: string; readonly parts: Buffer[] }>();
  let status: number | undefined;
  const written: { readonly path: string; readonly parts: Buffer[] }[] = [];
  for (let at = 0; at + 6 <= sent.length; ) {
    const kind = String.fromCharCode(sent[at]!);
    const descriptor = sent[at + 1]!;
    const data = sent.subarray(at + 6, at + 6 + sent.readUInt32LE(at + 2));
    at += 6 + data.length;
    if (kind === 'w' && descriptor < 3) (descriptor === 2 ? process.stderr : process.stdout).write(data);
    else if (kind === 'w') files.get(descriptor)?.parts.push(data);
    else if (kind === 'o') {
      const file = { path: data.toString(), parts: [] };
      files.set(descriptor, file);
      written.push(file);
    } else if (kind === 'x') status = descriptor;
    else throw new Error(`fault ${data.readBigUInt64LE(0)}: ${data.toString('hex')}`);
  }
  for (const { path, parts } of written) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, Buffer.concat(parts));
  }
  if (status === undefined) throw new Error('the emulated machine stopped before the program did');
  return status;
}

function run(program: string, args: readonly string[]): number {
  const folder = mkdtempSync(join(tmpdir(), 'sam-qc-bochs-'));
  try {
    const disk = diskOf(readProgram(program), [program, ...args], filesFor(program, args));
    writeFileSync(join(folder, 'disk'), disk);
    const settings = [
      'cpu: model=corei7_icelake_u, ips=1000000, reset_on_triple_fault=0',
      `memory: guest=${MEMORY_MB}, host=${MEMORY_MB}`,
      `romimage: file=${buildRom(folder)}`,
      'ata0: enabled=1',
      `ata0-master: type=disk, mode=flat, path=${join(folder, 'disk')}, cylinders=${disk.length / CYLINDER_BYTES}, heads=16, spt=63`,
      `com1: enabled=1, mode=file, dev=${join(folder, 'sent')}`,
      'plugin_ctrl: speaker=0, gameport=0, parallel=0',
      'sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy',
      'display_library: term',
      'vga: extension=none',
      'pci: enabled=0',
      'panic: action=fatal',
      `log: ${join(folder, 'log')}`,
    ];
    writeFileSync(join(folder, 'settings'), `${settings.join('\n')}\n`);
    // Debian's has its debugger built in, which waits for a command.
    writeFileSync(join(folder, 'commands'), 'continue\n');
    spawnSync('bochs', ['-q', '-f', join(folder, 'settings'), '-rc', join(folder, 'commands')], {
      env: { ...process.env, TERM: 'vt100' },
      stdio: 'ignore',
    });
    if (!existsSync(join(folder, 'sent'))) throw new Error(readFileSync(join(folder, 'log'), 'utf8'));
    return replay(readFileSync(join(folder, 'sent')));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [program, ...args] = process.argv.slice(2);
if (program === undefined) throw new Error('which program?');
process.exitCode = run(program, args);
