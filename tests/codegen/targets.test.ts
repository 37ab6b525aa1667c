import { describe, expect, it } from 'vitest';
import { openKernelLibrary, parseKernelTable, selectVariant } from '../../src/codegen/kernel-library.js';
import { detectTarget, TARGET_NAMES, TARGETS } from '../../src/codegen/targets.js';

describe('targets', () => {
  it('are recognised by what the processor has', () => {
    const vnni = 'flags\t\t: fma f16c bmi2 avx2 avx512f avx512bw avx512dq avx512vl avx512vbmi avx512_vnni';
    expect(detectTarget('x64', vnni)).toBe('x86-64-avx512vnni');
    expect(detectTarget('x64', vnni.replace('avx512vbmi ', ''))).toBe('x86-64-cascadelake');
    expect(detectTarget('x64', vnni.replace(' avx512_vnni', ''))).toBe('x86-64-avx2');
    expect(detectTarget('x64', `${vnni.replace(' avx512_vnni', '')} avx_vnni`)).toBe('x86-64-avxvnni');
    expect(detectTarget('x64', 'flags : sse2')).toBe('c99');
    expect(detectTarget('arm64', 'Features\t: fp asimd asimddp i8mm')).toBe('aarch64-i8mm');
    expect(detectTarget('arm64', 'Features\t: fp asimd')).toBe('aarch64-neon');
    expect(detectTarget('s390x', '')).toBe('c99');
  });

  it('all fall back on portable kernels, which every family has', () => {
    const { rows } = openKernelLibrary();
    for (const name of TARGET_NAMES) expect(TARGETS[name].isas.at(-1)).toBe('portable');
    const portable = new Set(rows.filter(({ isa }) => isa === 'portable').map(({ family }) => family));
    expect(rows.filter(({ family }) => !portable.has(family))).toEqual([]);
  });
});

describe('the kernel table', () => {
  it('gives each row a file that defines its function', () => {
    const library = openKernelLibrary();
    for (const row of library.rows) {
      expect(library.text(`${row.name}.c`)).toMatch(new RegExp(`\\b${row.name}\\b`));
      expect(library.text(`${row.name}.c`)).not.toMatch(/#\s*include\s+"/);
      expect(library.closure(`${row.name}.c`).at(-1)).toBe(`${row.name}.c`);
    }
  });

  it('prefers the target’s order', () => {
    const rows = parseKernelTable(
      '/* two\nlines */\nSQ_KERNEL(sq_a, avx2, 6, 16, 1, none)\nSQ_KERNEL(sq_a, portable, 1, 16, 1, none)\n',
    );
    const library = { ...openKernelLibrary(), rows };
    expect(selectVariant(library, 'sq_a', ['avx512', 'avx2', 'portable'])?.name).toBe('sq_a__avx2');
    expect(selectVariant(library, 'sq_a', ['neon', 'portable'])?.name).toBe('sq_a');
    expect(selectVariant(library, 'sq_b', ['portable'])).toBeUndefined();
    expect(() => parseKernelTable('SQ_KERNEL(sq_a, avx2)')).toThrow(/not a kernel row/);
  });
});
