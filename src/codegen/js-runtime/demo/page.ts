/** The page: a picture, clicks on it, a mask. State is `session`; everything shown follows from it. */
import type { Point } from '../../../prepare-image.js';
import { createClient } from './client.js';
import { drawMarks, maskImage, maskPng } from './drawing.js';
import type { MaskAnswer, PagePrompt } from './protocol.js';

type Tool = 'add' | 'remove' | 'box';

/** Longest side that a picture is worked on at. */
const LONGEST_SIDE = 1024;
/** Boxes smaller than this many pixels of the screen are slips of the hand. */
const SMALLEST_BOX = 6;
const EMPTY: PagePrompt = { points: [], labels: [] };

interface Session {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** The prompts so far; the last is in force. */
  history: readonly PagePrompt[];
  mask: MaskAnswer | undefined;
  ready: boolean;
}

function element<E extends Element>(id: string, type: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

const status = element('status', HTMLElement);
const progress = element('progress', HTMLProgressElement);
const drop = element('drop', HTMLLabelElement);
const file = element('file', HTMLInputElement);
const stage = element('stage', HTMLElement);
const frame = element('frame', HTMLElement);
const picture = element('picture', HTMLCanvasElement);
const maskCanvas = element('mask', HTMLCanvasElement);
const marks = element('marks', SVGSVGElement);
const tools = element('tools', HTMLElement);
const figures = element('figures', HTMLElement);
const undo = element('undo', HTMLButtonElement);
const clear = element('clear', HTMLButtonElement);
const download = element('download', HTMLButtonElement);

const client = createClient();
let session: Session | undefined;
let tool: Tool = 'add';
/** Corner and end of a box that is being drawn. */
let dragged: readonly [Point, Point] | undefined;

const promptOf = ({ history }: Session): PagePrompt => history[history.length - 1] ?? EMPTY;
const isEmpty = ({ points, box }: PagePrompt): boolean => points.length === 0 && box === undefined;

function say(text: string, error = false): void {
  status.textContent = text;
  status.classList.toggle('error', error);
}

function showProgress(done: number, total: number): void {
  progress.value = total > 0 ? done / total : 0;
  progress.classList.toggle('idle', done >= total);
}

const failed = (cause: unknown): void => {
  showProgress(1, 1);
  say(cause instanceof Error ? cause.message : String(cause), true);
};

// ---- asking for masks: one at a time, the newest wish next ----

interface Wish {
  readonly of: Session;
  readonly prompt: PagePrompt;
  readonly preview: boolean;
  readonly since: number;
}
let wish: Wish | undefined;
let asking = false;

async function fulfil(): Promise<void> {
  if (asking) return;
  asking = true;
  try {
    for (let next = wish; next !== undefined; next = wish) {
      wish = undefined;
      const answer = await client.segment(next.prompt);
      if (next.of !== session) continue;
      // A preview that comes when a click has been made since is of no use.
      if (next.preview && !isEmpty(promptOf(next.of))) continue;
      show(next, answer);
    }
  } catch (cause) {
    failed(cause);
  } finally {
    asking = false;
  }
}

function ask(prompt: PagePrompt, preview: boolean): void {
  if (session?.ready !== true) return;
  wish = { of: session, prompt, preview, since: performance.now() };
  void fulfil();
}

function show({ of, preview, since }: Wish, answer: MaskAnswer): void {
  of.mask = preview ? undefined : answer;
  maskCanvas.getContext('2d')?.putImageData(maskImage(answer.mask, of.width, of.height), 0, 0);
  frame.classList.toggle('preview', preview);
  const milliseconds = performance.now() - since;
  const shown = element('mask-ms', HTMLElement);
  shown.textContent = `${milliseconds.toFixed(0)} ms`;
  if (!preview) shown.dataset.click = milliseconds.toFixed(1);
  element('iou', HTMLElement).textContent = answer.iou.toFixed(2);
  render();
}

function hideMask(): void {
  maskCanvas.getContext('2d')?.clearRect(0, 0, maskCanvas.width, maskCanvas.height);
  frame.classList.remove('preview');
}

// ---- what is shown ----

function render(): void {
  const prompt = session ? promptOf(session) : EMPTY;
  undo.disabled = clear.disabled = session === undefined || session.history.length === 0;
  download.disabled = session?.mask === undefined;
  frame.dataset.tool = tool;
  frame.classList.toggle('busy', session !== undefined && !session.ready);
  if (session !== undefined)
    drawMarks(marks, dragged ? { ...prompt, box: boxOf(dragged) } : prompt, session.width, session.height);
}

const boxOf = ([[ax, ay], [bx, by]]: readonly [Point, Point]): [number, number, number, number] => [
  Math.min(ax, bx),
  Math.min(ay, by),
  Math.max(ax, bx),
  Math.max(ay, by),
];

function setHistory(history: readonly PagePrompt[]): void {
  if (session === undefined) return;
  session.history = history;
  const prompt = promptOf(session);
  if (isEmpty(prompt)) {
    session.mask = undefined;
    wish = undefined;
    hideMask();
  } else ask(prompt, false);
  render();
}

const push = (prompt: PagePrompt): void => setHistory([...(session?.history ?? []), prompt]);

// ---- pictures ----

async function openPicture(source: Blob, name: string): Promise<void> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(source);
  } catch {
    say(`${name} is not a picture that this browser reads`, true);
    return;
  }
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  for (const canvas of [picture, maskCanvas]) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = picture.getContext('2d', { willReadFrequently: true });
  if (context === null) return;
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  frame.style.setProperty('--ratio', String(width / height));
  drop.classList.add('compact');
  stage.hidden = tools.hidden = figures.hidden = false;
  const opened: Session = { name, width, height, history: [], mask: undefined, ready: false };
  session = opened;
  dragged = undefined;
  hideMask();
  for (const id of ['encode-ms', 'mask-ms', 'iou']) element(id, HTMLElement).textContent = '–';
  render();
  say('Reading the picture…');
  try {
    const milliseconds = await client.encode(context.getImageData(0, 0, width, height), showProgress);
    if (session !== opened) return;
    opened.ready = true;
    element('encode-ms', HTMLElement).textContent = `${milliseconds.toFixed(0)} ms`;
    say('Point at an object, click to keep it.');
    showProgress(1, 1);
    render();
  } catch (cause) {
    failed(cause);
  }
}

async function listExamples(): Promise<void> {
  const response = await fetch(new URL('./examples/examples.json', import.meta.url)).catch(() => undefined);
  if (response?.ok !== true) return;
  const names = (await response.json()) as readonly string[];
  const thumbnails = element('thumbnails', HTMLElement);
  for (const name of names) {
    const button = document.createElement('button');
    button.type = 'button';
    button.title = name;
    const image = document.createElement('img');
    image.src = new URL(`./examples/${name}`, import.meta.url).href;
    image.alt = `Example ${name}`;
    button.append(image);
    button.addEventListener('click', async () => {
      for (const other of thumbnails.children) other.setAttribute('aria-pressed', String(other === button));
      const picked = await fetch(image.src);
      if (picked.ok) await openPicture(await picked.blob(), name);
    });
    thumbnails.append(button);
  }
  element('examples', HTMLElement).hidden = names.length === 0;
}

// ---- hands ----

function pointOf(event: PointerEvent | MouseEvent): Point {
  const { left, top, width, height } = frame.getBoundingClientRect();
  const clamp = (value: number, most: number): number => Math.min(Math.max(value, 0), most);
  return [
    clamp(((event.clientX - left) / width) * picture.width, picture.width),
    clamp(((event.clientY - top) / height) * picture.height, picture.height),
  ];
}

function click(event: MouseEvent, label: 0 | 1): void {
  if (session?.ready !== true) return;
  const prompt = promptOf(session);
  push({ ...prompt, points: [...prompt.points, pointOf(event)], labels: [...prompt.labels, label] });
}

frame.addEventListener('pointermove', (event) => {
  if (dragged !== undefined) {
    dragged = [dragged[0], pointOf(event)];
    render();
  } else if (session?.ready && event.pointerType === 'mouse' && tool !== 'box' && isEmpty(promptOf(session)))
    ask({ points: [pointOf(event)], labels: [1] }, true);
});
frame.addEventListener('pointerleave', () => {
  if (dragged !== undefined || session === undefined || !isEmpty(promptOf(session))) return;
  wish = undefined;
  hideMask();
});
frame.addEventListener('pointerdown', (event) => {
  if (tool !== 'box' || event.button !== 0 || session?.ready !== true) return;
  frame.setPointerCapture(event.pointerId);
  const corner = pointOf(event);
  dragged = [corner, corner];
});
frame.addEventListener('pointerup', () => {
  if (dragged === undefined || session === undefined) return;
  const box = boxOf(dragged);
  const scale = frame.clientWidth / session.width;
  dragged = undefined;
  if ((box[2] - box[0]) * scale >= SMALLEST_BOX && (box[3] - box[1]) * scale >= SMALLEST_BOX)
    push({ ...promptOf(session), box });
  else render();
});
frame.addEventListener('pointercancel', () => {
  dragged = undefined;
  render();
});
frame.addEventListener('click', (event) => {
  if (tool !== 'box') click(event, tool === 'remove' || event.altKey || event.shiftKey ? 0 : 1);
});
frame.addEventListener('contextmenu', (event) => {
  event.preventDefault();
  click(event, 0);
});
tools.addEventListener('change', ({ target }) => {
  const chosen = target instanceof HTMLInputElement ? target.value : undefined;
  if (chosen === 'add' || chosen === 'remove' || chosen === 'box') tool = chosen;
  render();
});
undo.addEventListener('click', () => setHistory(session?.history.slice(0, -1) ?? []));
clear.addEventListener('click', () => setHistory([]));
document.addEventListener('keydown', (event) => {
  if (event.key === 'z' && (event.ctrlKey || event.metaKey)) undo.click();
  else if (event.key === 'Escape') clear.click();
});
download.addEventListener('click', async () => {
  const { mask, name, width, height } = session ?? {};
  if (mask === undefined || width === undefined || height === undefined) return;
  const url = URL.createObjectURL(await maskPng(mask.mask, width, height));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${(name ?? 'picture').replace(/\.[^.]*$/, '')}-mask.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
});
file.addEventListener('change', () => {
  const [chosen] = file.files ?? [];
  if (chosen !== undefined) void openPicture(chosen, chosen.name);
  file.value = '';
});
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('dragging');
});
document.addEventListener('dragleave', ({ relatedTarget }) => {
  if (relatedTarget === null) document.body.classList.remove('dragging');
});
const takeFrom = (data: DataTransfer | null): void => {
  const [dropped] = data?.files ?? [];
  if (dropped !== undefined) void openPicture(dropped, dropped.name);
};
document.addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('dragging');
  takeFrom(event.dataTransfer);
});
document.addEventListener('paste', ({ clipboardData }) => takeFrom(clipboardData));

void listExamples();
client
  .load(showProgress)
  .then(() => {
    showProgress(1, 1);
    if (session === undefined) say('Ready: choose a picture.');
  })
  .catch(failed);
