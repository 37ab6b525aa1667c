import { describe, expect, it } from 'vitest';
import { parse } from '../../src/ir/text/parse.js';
import { findSkippable } from '../../src/passes/find-skippable.js';

describe('find-skippable', () => {
  it('finds what only a gate reads, and nothing that is read elsewhere, an output, or behind another flag', () => {
    const graph = parse(`graph @gates () {
  %0 : f32[2, 3] = input as "x"
  %1 : f32[1] = input as "flag"
  %2 : f32[1] = input as "other"
  %3 : f32[2, 3] = unary(%0) {fn = abs}
  %4 : f32[2, 3] = unary(%3) {fn = exp}
  %5 : f32[2, 3] = gate(%4, %1)
  %6 : f32[2, 3] = unary(%3) {fn = sin}
  %7 : f32[2, 3] = unary(%6) {fn = cos}
  %8 : f32[2, 3] = gate(%7, %1)
  %9 : f32[2, 3] = gate(%7, %2)
  %10 : f32[2, 3] = unary(%0) {fn = sqrt}
  %11 : f32[2, 3] = gate(%10, %1)
  %12 : f32[1] = unary(%1) {fn = neg}
  %13 : f32[2, 3] = unary(%0) {fn = floor}
  %14 : f32[2, 3] = gate(%13, %12)
  output "a" = %5
  output "b" = %8
  output "c" = %9
  output "d" = %10
  output "e" = %11
  output "f" = %14
}`);
    expect(
      [...findSkippable(graph)].map(([index]) => graph.nodes[index]!.op === 'unary' && graph.nodes[index]!.attrs.fn),
    ).toEqual(['exp']);
  });
});
