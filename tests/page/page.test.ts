import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emitBindings } from '../../src/codegen/bindings/emit-bindings.js';
import { findProgram } from '../../src/host-tools.js';
import { intersectionOverUnion, type Mask, readMask } from '../../src/mask.js';
import { type Server, serve } from '../../src/serve.js';
import { SHIPPED_EXAMPLES } from '../../src/shipped.js';
import { hasWasmCompiler } from '../bindings/emit.js';
import { smallSam } from '../small-sam.js';

/** The page, from a click to a mask, in a browser without a screen. */

const browser = ['chromium', 'chromium-browser', 'google-chrome'].map(findProgram).find((path) => path !== undefined);
const missing = browser === undefined ? 'Chromium' : hasWasmCompiler ? undefined : 'clang-19 and lld-19';
if (missing !== undefined) console.log(`tests/page/page.test.ts: skipped without ${missing}`);

const scenes = fileURLToPath(new URL('../../examples/scenes/evaluation/', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-page-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Screenshots are left here where the environment names a folder: to be looked at. */
const shots = process.env.SAM_QC_SCREENSHOTS;

describe.skipIf(missing !== undefined)('the page', () => {
  let server: Server;
  let context: BrowserContext;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    const folder = join(scratch, 'package');
    const models = (await smallSam()).map(({ name, graph }) => ({ name, graph }));
    const sam = { encoder: 'encoder', decoder: 'decoder', side: 256, image: 'image', embeddings: 'image_embeddings' };
    const options = { exact: false, packageName: 'sam', sam, examples: SHIPPED_EXAMPLES };
    expect(await emitBindings(join(folder, 'js'), models, options)).toEqual({ wasmMissing: undefined });
    server = await serve(folder, 0);
    context = await chromium.launchPersistentContext(join(scratch, 'profile'), {
      executablePath: browser ?? '',
      headless: true,
      args: FLAGS,
      viewport: { width: 1100, height: 900 },
      colorScheme: 'light',
    });
    page = await context.newPage();
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      const { hostname, protocol } = new URL(request.url());
      if (/^https?:$/.test(protocol) && hostname !== '127.0.0.1') complaints.push(`asks for ${request.url()}`);
    });
    await page.goto(server.url);
    await page.getByText('Ready').waitFor();
  });
  afterAll(async () => {
    await context?.close();
    await server?.close();
  });

  const shoot = async (name: string): Promise<void> => {
    await page.mouse.move(2, 2);
    await page.waitForTimeout(300);
    if (shots !== undefined) await page.screenshot({ path: join(shots, `${name}.png`) });
  };
  /** Opens an example by its thumbnail; gives the place on the screen of a pixel of its 256. */
  const open = async (name: string): Promise<(x: number, y: number) => readonly [number, number]> => {
    await page.getByTitle(name).click();
    await page.locator('#frame:not(.busy)').waitFor();
    await page.getByText('Point at an object').waitFor();
    await page.locator('#frame').scrollIntoViewIfNeeded();
    const box = (await page.locator('#frame').boundingBox())!;
    return (x, y) => [box.x + (x / 256) * box.width, box.y + (y / 256) * box.height];
  };
  /** Does something that ends in a mask; gives its milliseconds. */
  const untilMask = async (act: () => Promise<unknown>): Promise<number> => {
    const shown = page.locator('#mask-ms');
    await shown.evaluate((element) => element.removeAttribute('data-click'));
    await act();
    await page.locator('#mask-ms[data-click]').waitFor();
    return Number(await shown.getAttribute('data-click'));
  };
  const downloaded = async (): Promise<Mask> => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('Download mask').click()]);
    const path = join(scratch, download.suggestedFilename());
    await download.saveAs(path);
    return readMask(path);
  };
  const overlap = async (truth: string): Promise<number> =>
    intersectionOverUnion(await downloaded(), await readMask(join(scenes, truth)));

  it('cuts out what is clicked on, in real time', async () => {
    await shoot('empty');
    const at = await open('000.png');
    await page.mouse.move(...at(80, 175));
    await page.locator('#frame.preview').waitFor();
    expect(await page.getByText('Download mask').isDisabled()).toBe(true);
    const times = [await untilMask(() => page.mouse.click(...at(80, 175)))];
    expect(await overlap('000-mask0.png')).toBeGreaterThan(0.8);
    await shoot('light');
    await page.emulateMedia({ colorScheme: 'dark' });
    await shoot('dark');
    await page.emulateMedia({ colorScheme: 'light' });
    // The least of several: this machine may be busy with other tests.
    for (let i = 0; i < 5; i++) times.push(await untilMask(() => page.mouse.click(...at(90 + 5 * i, 190))));
    expect(Math.min(...times)).toBeLessThan(100);
  });

  it('takes boxes, points outside, undo and clear', async () => {
    const at = await open('000.png');
    await page.getByText('Box', { exact: true }).click();
    await untilMask(async () => {
      await page.mouse.move(...at(146.7, 78.9));
      await page.mouse.down();
      await page.mouse.move(...at(191.7, 129.9), { steps: 4 });
      await page.mouse.up();
    });
    expect(await page.locator('#marks rect').count()).toBe(1);
    // What the model itself makes of this box: 0.81.
    expect(await overlap('000-mask1.png')).toBeGreaterThan(0.75);
    await page.getByText('Remove', { exact: true }).click();
    await untilMask(() => page.mouse.click(...at(31, 20)));
    expect(await page.locator('#marks circle.outside').count()).toBe(1);
    await untilMask(() => page.keyboard.press('Control+z'));
    expect(await page.locator('#marks circle').count()).toBe(0);
    await page.getByText('Clear').click();
    expect(await page.locator('#marks > *').count()).toBe(0);
    expect(await page.getByText('Download mask').isDisabled()).toBe(true);
    await page.getByText('Add', { exact: true }).click();
  });

  it('takes a picture from a file, and says when it is none', async () => {
    await page.locator('#file').setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no') });
    await page.getByText('notes.txt is not a picture').waitFor();
    await page.locator('#file').setInputFiles(join(scenes, '002.png'));
    await page.getByText('Point at an object').waitFor();
    const box = (await page.locator('#frame').boundingBox())!;
    await untilMask(() => page.mouse.click(box.x + (35 / 256) * box.width, box.y + (51 / 256) * box.height));
    expect((await downloaded()).width).toBe(256);
  });

  it('fits a phone', async () => {
    await page.setViewportSize({ width: 375, height: 720 });
    await page.emulateMedia({ colorScheme: 'dark' });
    await shoot('phone');
    const wider = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
    expect(await page.evaluate(wider)).toBe(0);
  });

  it('has asked nobody else for anything, and complained of nothing', () => {
    expect(complaints).toEqual([]);
  });
});

describe('the server of the page', () => {
  it('serves the package and nothing beside it', async () => {
    const folder = join(scratch, 'served');
    await expect(serve(folder, 0)).rejects.toThrow('has no page');
    mkdirSync(join(folder, 'js', 'demo'), { recursive: true });
    writeFileSync(join(folder, 'js', 'demo', 'index.html'), '<p>page</p>');
    writeFileSync(join(folder, 'secret'), 'secret');
    symlinkSync(join(folder, 'secret'), join(folder, 'js', 'link'));
    const server = await serve(folder, 0);
    const status = async (path: string, method = 'GET'): Promise<number> =>
      (await fetch(new URL(path, server.url), { method })).status;
    expect(await (await fetch(new URL('/', server.url))).text()).toBe('<p>page</p>');
    expect(
      await Promise.all(
        ['/demo/none', '/%2e%2e/secret', '/..%2fsecret', '/link', '/%', '/%00'].map((path) => status(path)),
      ),
    ).toEqual([404, 404, 404, 404, 404, 404]);
    expect(await status('/demo/', 'POST')).toBe(405);
    await server.close();
  });
});
