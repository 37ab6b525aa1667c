/** The models, off the page's thread. */
import type { LoadOptions } from '../model.js';
import type { SamSession } from '../sam.js';
import type { Answer, Request } from './protocol.js';

interface SamModule {
  readonly Sam: { readonly load: (options: LoadOptions) => Promise<SamSession<unknown, unknown, unknown, unknown>> };
}

/** The part of a worker's global scope that is used; the DOM's types know windows only. */
interface Scope {
  readonly postMessage: (answer: Answer, transfer?: readonly Transferable[]) => void;
  onmessage: ((event: MessageEvent<Request>) => void) | null;
}
const scope = globalThis as unknown as Scope;

/** The index is generated: its address, and not a module that the compiler knows. */
const INDEX = new URL('../index.js', import.meta.url).href;

const loading = new Map<'sam', ReturnType<SamModule['Sam']['load']>>();

function load(id: number): ReturnType<SamModule['Sam']['load']> {
  const known = loading.get('sam');
  if (known !== undefined) return known;
  const started = import(INDEX).then((module) =>
    (module as SamModule).Sam.load({
      onProgress: (done, total) => scope.postMessage({ id, kind: 'progress', done, total }),
    }),
  );
  loading.set('sam', started);
  return started;
}

async function answer(request: Request): Promise<void> {
  const { id } = request;
  const sam = await load(id);
  if (request.kind === 'load') {
    scope.postMessage({ id, kind: 'loaded' });
  } else if (request.kind === 'encode') {
    const { milliseconds } = await sam.encode(request.image, {
      onProgress: (done, total) => scope.postMessage({ id, kind: 'progress', done, total }),
    });
    scope.postMessage({ id, kind: 'encoded', milliseconds });
  } else {
    const { masks, best, iou, milliseconds } = await sam.segment(request.prompt);
    const mask = masks[best] ?? new Uint8Array(0);
    scope.postMessage({ id, kind: 'segmented', mask, iou: iou[best] ?? 0, milliseconds }, [mask.buffer as ArrayBuffer]);
  }
}

scope.onmessage = ({ data }) => {
  answer(data).catch((cause: unknown) => {
    scope.postMessage({ id: data.id, kind: 'error', message: cause instanceof Error ? cause.message : String(cause) });
  });
};
