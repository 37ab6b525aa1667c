import type { Answer, MaskAnswer, PagePrompt, Request } from './protocol.js';

export type Progress = (done: number, total: number) => void;
type RequestBody = Request extends infer R ? (R extends { readonly id: number } ? Omit<R, 'id'> : never) : never;

/** The worker as functions that promise. */
export interface Client {
  readonly load: (onProgress: Progress) => Promise<void>;
  readonly encode: (image: ImageData, onProgress: Progress) => Promise<number>;
  readonly segment: (prompt: PagePrompt) => Promise<MaskAnswer>;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: Progress;
}

export function createClient(): Client {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  const waiting = new Map<number, Waiting>();
  let count = 0;
  worker.onmessage = ({ data }: MessageEvent<Answer>) => {
    const entry = waiting.get(data.id);
    if (data.kind === 'progress') {
      entry?.onProgress(data.done, data.total);
      return;
    }
    waiting.delete(data.id);
    if (data.kind === 'error') entry?.reject(new Error(data.message));
    else entry?.resolve(data);
  };
  worker.onerror = (event) => {
    for (const { reject } of waiting.values()) reject(new Error(event.message || 'the worker cannot be started'));
    waiting.clear();
  };
  const ask = (body: RequestBody, onProgress: Progress = () => {}, transfer: Transferable[] = []): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const id = ++count;
      waiting.set(id, { resolve, reject, onProgress });
      worker.postMessage({ id, ...body }, transfer);
    });
  return {
    load: async (onProgress) => {
      await ask({ kind: 'load' }, onProgress);
    },
    encode: async ({ data, width, height }, onProgress) => {
      const answer = await ask({ kind: 'encode', image: { data, width, height } }, onProgress, [data.buffer]);
      return answer.kind === 'encoded' ? answer.milliseconds : Number.NaN;
    },
    segment: async (prompt) => {
      const answer = await ask({ kind: 'segment', prompt });
      if (answer.kind !== 'segmented') throw new Error('the worker gave another answer');
      return answer;
    },
  };
}
