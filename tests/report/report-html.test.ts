import { describe, expect, it } from 'vitest';
import { reportHtml } from '../../src/report/html.js';
import { HOSTILE, sampleReport } from './sample-report.js';

const VOID = new Set(['meta', 'br', 'img', 'input', 'hr', 'link']);

interface Tag {
  readonly name: string;
  readonly closes: boolean;
  readonly attributes: ReadonlyMap<string, string>;
}

const NONE: ReadonlyMap<string, string> = new Map();

/** Tags of a page, in order. Throws for what is not well formed. */
function tagsOf(page: string): readonly Tag[] {
  const text = page.replace(/^<!doctype html>/, '').replace(/(<(script|style)>)[\s\S]*?(?=<\/\2>)/g, '$1');
  const tags: Tag[] = [];
  let at = text.indexOf('<');
  while (at >= 0) {
    const tag = /^<(\/?)([a-z][a-z0-9]*)((?:\s+[a-z:-][a-z0-9:-]*(?:="[^"<]*")?)*)\s*(\/?)>/i.exec(
      text.slice(at, at + 99_999),
    );
    if (tag === null) throw new Error(`not a tag: ${text.slice(at, at + 120)}`);
    const [, slash, name = '', attributes = '', self] = tag;
    const parsed = [...attributes.matchAll(/([a-z0-9:-]+)(?:="([^"]*)")?/gi)];
    tags.push({
      name,
      closes: slash === '/',
      attributes: new Map(parsed.map(([, key = '', value = '']) => [key, value])),
    });
    if (self === '/') tags.push({ name, closes: true, attributes: NONE });
    at = text.indexOf('<', at + tag[0].length);
  }
  return tags;
}

/** Attributes that load or run something. */
const acting = ({ attributes }: Tag): readonly string[] =>
  [...attributes.keys()].filter((name) => /^(src|srcset|action|formaction|on.*|xlink:href)$/i.test(name));

function checkNesting(page: string): void {
  const open: string[] = [];
  for (const { name, closes } of tagsOf(page)) {
    if (VOID.has(name)) continue;
    if (closes) expect(open.pop()).toBe(name);
    else open.push(name);
  }
  expect(open).toEqual([]);
}

describe('reportHtml', () => {
  it('gives the same bytes for the same report', async () => {
    expect(await reportHtml(sampleReport())).toBe(await reportHtml(sampleReport()));
  });
  it('is one well-formed file that asks for nothing', async () => {
    const page = await reportHtml(sampleReport());
    checkNesting(page);
    expect(page).toContain("default-src 'none'");
    for (const tag of tagsOf(page)) {
      expect(['link', 'img', 'iframe', 'object', 'base']).not.toContain(tag.name);
      expect(acting(tag)).toEqual([]);
      expect(tag.attributes.get('href') ?? '#').toMatch(/^#/);
    }
    expect(page).not.toMatch(/url\(|@import/);
  });
  it('lets its own script run, and no other', async () => {
    const { createHash } = await import('node:crypto');
    const page = await reportHtml(sampleReport());
    const scripts = [...page.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, text]) => text ?? '');
    expect(scripts).toHaveLength(1);
    expect(page).toContain(`'sha256-${createHash('sha256').update(scripts[0]!).digest('base64')}'`);
  });
  it('shows hostile names as text', async () => {
    const page = await reportHtml(sampleReport(HOSTILE));
    checkNesting(page);
    const plain = await reportHtml(sampleReport());
    const names = (text: string) => new Set(tagsOf(text).map(({ name }) => name));
    expect(names(page)).toEqual(names(plain));
    expect(tagsOf(page)).toHaveLength(tagsOf(plain).length);
    expect(tagsOf(page).flatMap(acting)).toEqual([]);
    expect(page).toContain('&lt;/title&gt;&lt;script&gt;alert(1)');
    expect(page).toContain('注意力 🦉');
    expect(page).toContain('&amp;amp;lt;script');
    // Line ends and marks that turn the direction of what follows are seen as what they are.
    expect(page).toContain('line one\\u000aline two');
    for (const unseen of ['\u202e', '\u2028', '\u0000']) expect(page).not.toContain(unseen);
    expect(Buffer.from(page, 'utf8').toString('utf8')).toBe(page);
  });
  it('has an id for each link', async () => {
    const page = await reportHtml(sampleReport());
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, target] of page.matchAll(/ href="#([^"]+)"/g)) expect(ids).toContain(target);
  });
  it('names every drawing for those who do not see it', async () => {
    const page = await reportHtml(sampleReport());
    const drawings = tagsOf(page).filter(({ name, closes }) => name === 'svg' && !closes);
    expect(drawings.length).toBeGreaterThan(10);
    for (const { attributes } of drawings) {
      expect(attributes.get('role')).toBe('img');
      expect(attributes.get('aria-label')?.length).toBeGreaterThan(20);
    }
  });
  it('draws no number that is not one', async () => {
    expect(await reportHtml(sampleReport())).not.toMatch(/NaN|Infinity|undefined/);
  });
  it('has fewer parts for a float build', async () => {
    const { models, attentions, bit_choice: _choice, ...rest } = sampleReport();
    const page = await reportHtml({
      ...rest,
      bits: 'f32',
      models: models.map(({ float: _, ...model }) => ({ ...model, macs: [{ op: 'linear', integer: 0, float: 1e6 }] })),
      attentions: attentions.map(({ model, name, kind }) => ({ model, name, kind })),
      layers: [],
      migrations: [],
      outputs: [],
    });
    checkNesting(page);
    for (const absent of ['id="layers"', 'id="bits"', 'id="sources"', 'id="migration"', 'id="outputs"', 'SQNR'])
      expect(page).not.toContain(absent);
    expect(page).toContain('id="memory"');
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
  });
  it('draws what has no spread and no error', async () => {
    const report = sampleReport();
    const page = await reportHtml({
      ...report,
      attentions: report.attentions.map((attention) => ({
        ...attention,
        keys_errors: { none: 0, mean: 0 },
        ...(attention.softmax && {
          softmax: { ...attention.softmax, errors: attention.softmax.errors.map((e) => ({ ...e, error: 1 })) },
        }),
      })),
      layers: report.layers.map((layer) => ({ ...layer, sqnr_db: null })),
    });
    checkNesting(page);
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
  });
});
