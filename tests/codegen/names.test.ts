import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  identifierScope,
  toComment,
  toFileName,
  toFloatLiteral,
  toIdentifier,
  toStringLiteral,
} from '../../src/codegen/names.js';

describe('names of a model on their way to C', () => {
  it('become identifiers that no keyword and no other name equals', () => {
    expect(toIdentifier('/model/Add_output:0')).toBe('model_Add_output_0');
    expect(toIdentifier('double')).toBe('double_');
    expect(toIdentifier('0x')).toBe('v0x');
    expect(toIdentifier('Ω')).toBe('unnamed');
    const scope = identifierScope();
    expect(['a.b', 'a:b', 'a_b_2', 'a-b'].map(scope)).toEqual(['a_b', 'a_b_2', 'a_b_2_2', 'a_b_3']);
  });

  it('cannot leave a comment, a string literal or a folder', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(toIdentifier(text)).toMatch(/^[A-Za-z][A-Za-z0-9_]*$/);
        expect(toComment(text)).not.toMatch(/\*\/|\/\*|\?\?|\\|\n/);
        expect(toStringLiteral(text)).toMatch(/^"(?:[^"\\\n?]|\\[0-7]{3})*"$/);
        expect(toFileName(text)).toMatch(/^(?!\.)[A-Za-z0-9_.-]+$/);
      }),
    );
  });
});

describe('float literals', () => {
  it('read back as the same float32, and stay floats', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const literal = toFloatLiteral(value);
        expect(literal).toMatch(/^-?\d[\d.]*(?:e[+-]?\d+)?f$/);
        expect(literal).toMatch(/[.e]/);
        expect(Object.is(Math.fround(Number(literal.slice(0, -1))), value)).toBe(true);
      }),
    );
  });

  it('spell what has no digits as builtins', () => {
    expect(toFloatLiteral(Number.NaN)).toBe('__builtin_nanf("")');
    expect(toFloatLiteral(Number.NEGATIVE_INFINITY)).toBe('-__builtin_inff()');
    expect(toFloatLiteral(Number.POSITIVE_INFINITY, 'f64')).toBe('__builtin_inf()');
    expect(toFloatLiteral(-0)).toBe('-0.0f');
  });
});
