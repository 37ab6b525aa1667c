import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, sep } from 'node:path';
import { messageOf, UserError } from './user-error.js';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
};

export interface Server {
  /** Of the page. */
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** What a request's path names inside `root`; undefined for what is not there or not in it. */
async function locate(
  root: string,
  path: string,
): Promise<{ readonly path: string; readonly bytes: number } | undefined> {
  try {
    const decoded = decodeURIComponent(path);
    const found = await realpath(join(root, decoded.endsWith('/') ? `${decoded}index.html` : decoded));
    const info = await stat(found);
    return found.startsWith(root + sep) && info.isFile() ? { path: found, bytes: info.size } : undefined;
  } catch {
    return undefined;
  }
}

async function answer(root: string, method: string, path: string, response: ServerResponse): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  if (path === '/' || path === '/demo') {
    response.writeHead(302, { location: '/demo/' }).end();
    return;
  }
  const file = await locate(root, path);
  if (file === undefined) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
    return;
  }
  response.writeHead(200, {
    'content-type': TYPES[extname(file.path)] ?? 'application/octet-stream',
    'content-length': file.bytes,
    'cache-control': 'no-cache',
  });
  if (method === 'HEAD') response.end();
  else
    createReadStream(file.path)
      .on('error', () => response.destroy())
      .pipe(response);
}

/**
 * Serves the page of a compiled package to this machine: files as any static host would give them.
 *
 * @param port 0 for any that is free
 * @throws UserError for a folder without a page, and for a port that is taken
 */
export async function serve(folder: string, port: number): Promise<Server> {
  const page = join(folder, 'js', 'demo', 'index.html');
  if (!(await stat(page).catch(() => undefined))?.isFile())
    throw new UserError(`${folder}: has no page (js/demo): compile an encoder and a decoder together, without --no-js`);
  const root = await realpath(join(folder, 'js'));
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    answer(root, request.method ?? 'GET', pathname, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new UserError(`port ${port}: ${messageOf(cause)}`, { cause })));
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${taken}/demo/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
