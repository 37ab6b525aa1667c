import { describe, expect, it } from 'vitest';
import { fileCheck } from './file-check.js';

const output = '%0 : f32[2] = input\n%1 : f32[2]  = unary(%0) {fn = abs}\noutput "y" = %1\n';

describe('FileCheck', () => {
  it.each([
    ['// CHECK: unary(%0) {fn = abs}'],
    ['// CHECK: [[x:%[0-9]+]] : {{.*}} = unary\n// CHECK-NEXT: output "y" = [[x]]'],
    ['// CHECK: input\n// CHECK-NOT: transpose\n// CHECK: output'],
    ['// CHECK-NOT: transpose'],
    ['// CHECK: %1 : f32[2] = unary'],
  ])('accepts %j', (source) => {
    expect(fileCheck(source, output)).toBeUndefined();
  });
  it.each([
    ['', /no CHECK lines/],
    ['// CHECK: softmax', /line 1: CHECK: softmax is not in the output/],
    ['// CHECK: output\n// CHECK: input', /line 2: CHECK: input is not in the output after line 3/],
    ['// CHECK: input\n// CHECK-NEXT: output', /CHECK-NEXT: output is not in the output line 2/],
    ['// CHECK: input\n// CHECK-NOT: abs\n// CHECK: output', /CHECK-NOT: abs is in/],
    ['// CHECK: input\n// CHECK-NOT: output', /CHECK-NOT: output is in/],
    ['// CHECK: [[x:%0]]\n// CHECK: output "y" = [[x]]', /\[\[x\]\] is not in the output/],
  ])('refuses %j', (source, problem) => {
    expect(fileCheck(source, output)).toMatch(problem);
  });
});
