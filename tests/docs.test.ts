import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { API_PAGE, apiPage } from '../scripts/docs-api.js';
import { OPERATORS_PAGE, operatorsPage } from '../scripts/docs-operators.js';

describe('pages made from the code are up to date', () => {
  it('docs/operators.md (npm run docs:operators)', () => {
    expect(readFileSync(OPERATORS_PAGE, 'utf8')).toBe(operatorsPage());
  });
  it('docs/api.md (npm run docs:api), and every function and error in it has a docstring', () => {
    const page = apiPage();
    expect(readFileSync(API_PAGE, 'utf8')).toBe(page);
    const [described = ''] = page.split('## Types');
    expect([...described.matchAll(/^### (\w+)\n\n(?=```|class,)/gm)].map(([, name]) => name)).toEqual([]);
  });
});
