import ts from 'typescript';

/**
 * A module loader hook (`node:module`, register): puts `hits[n] = 1` at the start of every function, block and branch of this
 * project's sources. tsx has turned them into JavaScript before. V8's own counters would do, but reading them walks the
 * whole heap, which takes as long as tens of inputs.
 */

let count = 0;
const { factory } = ts;

const hit = () =>
  factory.createAssignment(
    factory.createElementAccessExpression(
      factory.createPropertyAccessExpression(factory.createIdentifier('globalThis'), 'hits'),
      count++,
    ),
    factory.createNumericLiteral(1),
  );
const counted = (expression) =>
  factory.createParenthesizedExpression(factory.createCommaListExpression([hit(), expression]));

const instrument = (context) => (file) => {
  const visit = (node) => {
    const done = ts.visitEachChild(node, visit, context);
    if (ts.isBlock(done))
      return factory.updateBlock(done, [factory.createExpressionStatement(hit()), ...done.statements]);
    if (ts.isConditionalExpression(done))
      return factory.updateConditionalExpression(
        done,
        done.condition,
        done.questionToken,
        counted(done.whenTrue),
        done.colonToken,
        counted(done.whenFalse),
      );
    if (ts.isArrowFunction(done) && !ts.isBlock(done.body))
      return factory.updateArrowFunction(
        done,
        done.modifiers,
        done.typeParameters,
        done.parameters,
        done.type,
        done.equalsGreaterThanToken,
        counted(done.body),
      );
    if (ts.isIfStatement(done) && !ts.isBlock(done.thenStatement))
      return factory.updateIfStatement(
        done,
        done.expression,
        factory.createBlock([factory.createExpressionStatement(hit()), done.thenStatement]),
        done.elseStatement,
      );
    return done;
  };
  return ts.visitNode(file, visit);
};

export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  if (!/^file:.*\/src\/[^?]*\.ts/.test(url) || loaded.format !== 'module') return loaded;
  const text = String(loaded.source).replace(/\n\/\/# sourceMappingURL=.*/, '');
  const file = ts.createSourceFile('x.js', text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS);
  const { transformed } = ts.transform(file, [instrument]);
  return { ...loaded, source: ts.createPrinter().printFile(transformed[0]) };
}
