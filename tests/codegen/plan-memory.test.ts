import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editGraph, emptyGraph } from '../../src/ir/edit.js';
import { symbol } from '../../src/ir/scalar.js';
import { ARENA_ALIGN, type LiveBlock, peakLiveBytes, placeBlocks, planMemory } from '../../src/passes/plan-memory.js';

const block = fc
  .record({ bytes: fc.integer({ min: 0, max: 5000 }), first: fc.integer({ min: 0, max: 30 }), length: fc.nat(20) })
  .map(({ bytes, first, length }): LiveBlock => ({ bytes, first, last: first + length }));

const meet = (a: LiveBlock, b: LiveBlock): boolean => a.first <= b.last && b.first <= a.last;

describe('placeBlocks', () => {
  it('never lets two blocks alive at once overlap, nor goes below the peak of live bytes', () => {
    fc.assert(
      fc.property(fc.array(block, { maxLength: 60 }), (blocks) => {
        const { offsets, bytes } = placeBlocks(blocks);
        expect(bytes).toBeGreaterThanOrEqual(peakLiveBytes(blocks));
        blocks.forEach((a, i) => {
          const [from, to] = [offsets[i]!, offsets[i]! + a.bytes];
          expect(from % ARENA_ALIGN).toBe(0);
          expect(to).toBeLessThanOrEqual(bytes);
          blocks.slice(0, i).forEach((b, j) => {
            const apart = to <= offsets[j]! || offsets[j]! + b.bytes <= from;
            expect(apart || !meet(a, b)).toBe(true);
          });
        });
      }),
      { numRuns: 200 },
    );
  });

  it('reaches the lower bound on a chain', () => {
    const chain = Array.from({ length: 20 }, (_, at): LiveBlock => ({ bytes: 640, first: at, last: at + 1 }));
    expect(placeBlocks(chain).bytes).toBe(1280);
  });

  it('counts the peak as the most that is alive at one node', () => {
    const blocks = [
      { bytes: 64, first: 0, last: 1 },
      { bytes: 65, first: 1, last: 2 },
      { bytes: 64, first: 2, last: 3 },
    ];
    expect(peakLiveBytes(blocks)).toBe(64 + 128);
  });
});

describe('planMemory', () => {
  const relu = { fn: 'relu' } as const;
  const editor = (): ReturnType<typeof editGraph> => editGraph(emptyGraph('test', { n: { min: 1, max: 8 } }));

  it('reads inputs in place, writes outputs in place and shares memory through reshapes', () => {
    const g = editor();
    const x = g.input('x', { dtype: 'f32', shape: [symbol('n'), 4] });
    const flat = g.emitOne('reshape', [x], { shape: [4, symbol('n')] });
    const a = g.emitOne('unary', [flat], relu);
    const b = g.emitOne('reshape', [a], { shape: [symbol('n'), 4] });
    const c = g.emitOne('unary', [b], relu);
    g.output('c', c);
    g.output('x again', flat);
    const { storage, copiedOutputs, bytes, lowerBound } = planMemory(g.finish());
    expect(storage.get(flat)).toEqual({ kind: 'input', input: x });
    expect(storage.get(a)).toEqual({ kind: 'arena', offset: 0 });
    expect(storage.get(b)).toEqual(storage.get(a));
    expect(storage.get(c)).toEqual({ kind: 'output', index: 0 });
    expect(copiedOutputs).toEqual([1]);
    expect([bytes, lowerBound]).toEqual([128, 128]); // 8 × 4 floats at the bound of n
  });

  it('copies what is an output twice, once', () => {
    const g = editor();
    const y = g.emitOne('unary', [g.input('x', { dtype: 'f32', shape: [4] })], relu);
    g.output('first', y);
    g.output('second', g.emitOne('reshape', [y], { shape: [2, 2] }));
    const { storage, copiedOutputs } = planMemory(g.finish());
    expect(storage.get(y)).toEqual({ kind: 'output', index: 0 });
    expect(copiedOutputs).toEqual([1]);
  });

  it('keeps a node’s workspace apart from its operands and results', () => {
    const g = editor();
    const a = g.emitOne('unary', [g.input('x', { dtype: 'f32', shape: [16] })], relu);
    const b = g.emitOne('unary', [a], relu);
    g.output('c', g.emitOne('unary', [b], relu));
    const { storage, workspaces, bytes } = planMemory(g.finish(), new Map([[1, 100]]));
    const offsets = [storage.get(a), storage.get(b)].map((place) => (place?.kind === 'arena' ? place.offset : -1));
    expect(new Set([...offsets, workspaces.get(1)]).size).toBe(3);
    expect(bytes).toBe(64 + 64 + 128);
  });

  it('refuses sizes without an upper bound', () => {
    const g = editor();
    const a = g.emitOne('unary', [g.input('x', { dtype: 'f32', shape: [symbol('free')] })], relu);
    g.output('b', g.emitOne('unary', [a], relu));
    expect(() => planMemory(g.finish())).toThrow(/no upper bound/);
  });
});
