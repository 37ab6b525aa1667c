import { any, binary, commuted, get, match, number, oneOf, type Pattern, unary } from './match.js';
import type { Pass } from './pass.js';
import { type Rule, rewrite } from './rewrite.js';

/**
 * GELU written out becomes one op. Within 1e-6·max|x|: the op rounds once where the chain rounds at every step.
 *
 * exact: x · ½ · (1 + erf(x / √2)), the factors in any order; tanh: the same with
 * tanh(√(2/π) · (x + 0.044715 x³)) for erf.
 */
export const fuseGelu: Pass = {
  name: 'fuse-gelu',
  run: (graph) => rewrite(graph, { binary: [fuse] }),
};

const x = any('x');

/** a · b · c in every order and grouping. */
const product3 = (a: Pattern, b: Pattern, c: Pattern): Pattern =>
  oneOf(
    commuted('mul', commuted('mul', a, b), c),
    commuted('mul', commuted('mul', a, c), b),
    commuted('mul', commuted('mul', b, c), a),
  );
/** x · ½, as exporters write it. */
const halfOf = (a: Pattern): Pattern => oneOf(commuted('mul', a, number(0.5)), binary('div', a, number(2)));

/** ½ · x · (1 + t) */
const gated = (t: Pattern): Pattern => {
  const gate = commuted('add', t, number(1));
  return oneOf(product3(x, gate, number(0.5)), commuted('mul', halfOf(x), gate), halfOf(commuted('mul', x, gate)));
};

const exact = gated(
  unary('erf', oneOf(binary('div', x, number(Math.SQRT2)), commuted('mul', x, number(Math.SQRT1_2)))),
);

const square = oneOf(binary('mul', x, x), binary('pow', x, number(2)));
const cube = oneOf(binary('pow', x, number(3)), commuted('mul', square, x));
/** 1 + 0.044715 x²: the factored form x · (1 + 0.044715 x²) is common too. */
const inner = oneOf(
  commuted('add', x, commuted('mul', cube, number(0.044715))),
  commuted('mul', x, commuted('add', commuted('mul', square, number(0.044715)), number(1))),
);
const approximate = gated(unary('tanh', commuted('mul', inner, number(Math.sqrt(2 / Math.PI)))));

const fuse: Rule = (editor, node) => {
  const [result] = node.results;
  if (result === undefined) return undefined;
  for (const [pattern, approximation] of [
    [exact, 'none'],
    [approximate, 'tanh'],
  ] as const) {
    const found = match(editor, result, pattern);
    if (found) return editor.emitOne('gelu', [get(found, 'x')], { approximation }, { names: [editor.name(result)] });
  }
  return undefined;
};
