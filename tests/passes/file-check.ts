/**
 * A small FileCheck: `CHECK`, `CHECK-NEXT`, `CHECK-NOT` lines in the comments of a program say what a pass must print.
 * Runs of blanks are one blank; `{{…}}` is a regular expression, `[[x:…]]` one whose match gets a name, `[[x]]` what
 * was found under it.
 */
export interface Directive {
  readonly kind: 'CHECK' | 'CHECK-NEXT' | 'CHECK-NOT';
  readonly pattern: string;
  readonly line: number;
}

const DIRECTIVE = /^\s*\/\/\s*(CHECK(?:-NEXT|-NOT)?):\s*(.*?)\s*$/;

export const directives = (source: string): readonly Directive[] =>
  source.split('\n').flatMap((text, index): Directive[] => {
    const found = DIRECTIVE.exec(text);
    return found ? [{ kind: found[1] as Directive['kind'], pattern: found[2] ?? '', line: index + 1 }] : [];
  });

const blanks = (text: string): string => text.replace(/[ \t]+/g, ' ');
const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** The pattern as a regular expression, with named parts replaced by what they matched. */
function compile(
  pattern: string,
  found: ReadonlyMap<string, string>,
): { readonly rule: RegExp; readonly names: string[] } {
  const names: string[] = [];
  const rule = blanks(pattern).replace(
    /\{\{(.*?)\}\}|\[\[(\w+):(.*?)\]\]|\[\[(\w+)\]\]|([^[{]+|[[{])/g,
    (_, regex?: string, name?: string, named?: string, use?: string, plain?: string) => {
      if (regex !== undefined) return `(?:${regex})`;
      if (name !== undefined) {
        names.push(name);
        return `(?<${name}>${named})`;
      }
      if (use === undefined) return escape(plain ?? '');
      // A name bound in this very line refers back into it.
      return names.includes(use) ? `\\k<${use}>` : escape(found.get(use) ?? `an unbound name ${use}`);
    },
  );
  return { rule: new RegExp(rule), names };
}

/** The first directive that `output` does not meet, in words; undefined if it meets all. */
export function fileCheck(source: string, output: string): string | undefined {
  const lines = output.split('\n').map(blanks);
  const found = new Map<string, string>();
  const checks = directives(source);
  if (checks.length === 0) return 'no CHECK lines';
  let at = -1;
  let forbidden: Directive[] = [];
  const unwanted = (end: number): string | undefined => {
    for (const directive of forbidden) {
      const hit = lines.slice(at + 1, end).find((line) => compile(directive.pattern, found).rule.test(line));
      if (hit !== undefined) return `line ${directive.line}: CHECK-NOT: ${directive.pattern} is in: ${hit}`;
    }
    forbidden = [];
    return undefined;
  };
  for (const directive of checks) {
    if (directive.kind === 'CHECK-NOT') {
      forbidden.push(directive);
      continue;
    }
    const { rule, names } = compile(directive.pattern, found);
    const next = lines.findIndex((line, i) => i > at && rule.test(line));
    const missing = `line ${directive.line}: ${directive.kind}: ${directive.pattern} is not in the output`;
    if (next < 0) return `${missing} after line ${at + 1}`;
    if (directive.kind === 'CHECK-NEXT' && next !== at + 1) return `${missing} line ${at + 2}: ${lines[at + 1]}`;
    const problem = unwanted(next);
    if (problem !== undefined) return problem;
    const groups = rule.exec(lines[next]!)?.groups ?? {};
    for (const name of names) found.set(name, groups[name] ?? '');
    at = next;
  }
  return unwanted(lines.length);
}
