/**
 * Writes docs/api.md from the docstrings of what src/index.ts exports:
 *
 *   npm run docs:api
 */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  type ClassDeclaration,
  type FunctionDeclaration,
  type InterfaceDeclaration,
  type JSDocableNode,
  Node,
  Project,
  type TypeAliasDeclaration,
} from 'ts-morph';

export const API_PAGE = fileURLToPath(new URL('../docs/api.md', import.meta.url));
const INDEX = fileURLToPath(new URL('../src/index.ts', import.meta.url));

type Declaration = FunctionDeclaration | InterfaceDeclaration | TypeAliasDeclaration | ClassDeclaration;

/** Declarations that index.ts exports by name, found by syntax alone: no type is resolved. */
function exported(): readonly Declaration[] {
  const project = new Project({ skipAddingFilesFromTsConfig: true, skipFileDependencyResolution: true });
  return project
    .addSourceFileAtPath(INDEX)
    .getExportDeclarations()
    .flatMap((statement) => {
      const path = join(dirname(INDEX), statement.getModuleSpecifierValue() ?? '').replace(/\.js$/, '.ts');
      const file = project.addSourceFileAtPath(path);
      return statement.getNamedExports().map((specifier): Declaration => {
        const name = specifier.getName();
        const found =
          file.getFunction(name) ?? file.getInterface(name) ?? file.getTypeAlias(name) ?? file.getClass(name);
        if (found === undefined) throw new Error(`${path}: ${name} is not declared where it is exported from`);
        return found;
      });
    });
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
const cell = (text: string): string => oneLine(text).replaceAll('|', '\\|');

/** The text of a docstring, then its tags as a list. */
function docsOf(node: JSDocableNode): string {
  const [doc] = node.getJsDocs();
  if (doc === undefined) return '';
  const text = doc
    .getDescription()
    .trim()
    .replace(/\{@link (\w+)\}/g, '`$1`');
  const tags = doc.getTags().map((tag) => {
    const subject = Node.isJSDocParameterTag(tag) ? ` \`${tag.getName()}\`` : '';
    return `- *${tag.getTagName()}*${subject} ${oneLine(tag.getCommentText() ?? '')}`;
  });
  return [text, tags.join('\n')].filter((part) => part !== '').join('\n\n');
}

/** A function's head, without its body. */
function signature(declaration: FunctionDeclaration): string {
  const body = declaration.getBody();
  const text = declaration.getText();
  const head = body === undefined ? text : text.slice(0, body.getStart() - declaration.getStart());
  return head.replace(/^export /, '').trim();
}

const block = (text: string): string => `\`\`\`ts\n${text}\n\`\`\``;

function fields(declaration: InterfaceDeclaration): string {
  const bases = declaration.getExtends().map((base) => base.getText());
  const rows = declaration.getProperties().map((property) => {
    const name = `${property.getName()}${property.hasQuestionToken() ? '?' : ''}`;
    return `| \`${name}\` | \`${cell(property.getTypeNode()?.getText() ?? 'unknown')}\` | ${cell(docsOf(property))} |`;
  });
  const extending =
    bases.length === 0 ? '' : `With the fields of ${bases.map((base) => `\`${base}\``).join(', ')}.\n\n`;
  return `${extending}| field | type | |\n|---|---|---|\n${rows.join('\n')}`;
}

function body(declaration: Declaration): string {
  if (Node.isFunctionDeclaration(declaration)) return block(signature(declaration));
  if (Node.isInterfaceDeclaration(declaration)) return fields(declaration);
  if (Node.isTypeAliasDeclaration(declaration)) return block(declaration.getText().replace(/^export /, ''));
  const base = declaration.getExtends()?.getText() ?? 'Object';
  const [constructor] = declaration.getConstructors();
  const members = constructor?.getParameters().filter((parameter) => parameter.isParameterProperty()) ?? [];
  return [`class, extends \`${base}\``, ...members.map((member) => `- \`${oneLine(member.getText())}\``)].join('\n');
}

const section = (declaration: Declaration): string =>
  [`### ${declaration.getName()}`, docsOf(declaration), body(declaration)].filter((part) => part !== '').join('\n\n');

/** The page as it should be. */
export function apiPage(): string {
  const all = exported();
  const part = (title: string, wanted: (declaration: Declaration) => boolean): string =>
    `## ${title}\n\n${all.filter(wanted).map(section).join('\n\n')}`;
  return `# API

Made from the docstrings of what \`sam-qc\` exports by \`npm run docs:api\`; not to be edited by hand. How it is used: [README](../README.md#use).

${part('Functions', Node.isFunctionDeclaration)}

${part('Errors', Node.isClassDeclaration)}

${part('Types', (declaration) => Node.isInterfaceDeclaration(declaration) || Node.isTypeAliasDeclaration(declaration))}
`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  writeFileSync(API_PAGE, apiPage());
