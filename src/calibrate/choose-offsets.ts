import { type Editor, editGraph } from '../ir/edit.js';
import { type Graph, type NodeOf, typeOf, type ValueId, valueOf } from '../ir/graph.js';
import { centerInput, centersFreely, linearsReading } from '../passes/center-input.js';
import { type ActivationCodes, quantizedLayer } from '../passes/insert-quantize.js';
import { constantAddendOf, liftAddend } from '../passes/lift-addend.js';
import { layerRoles, planWeights } from './choose-layers.js';
import { activationQuant, type Precision, trialPrecision } from './precision.js';
import { instrument, type Profile, profileCollector, varies } from './profile.js';
import type { RunSamples } from './run-samples.js';
import { addError, totals } from './score.js';

/** What is taken out of the values that layers read: a constant addend, or the mean of each channel. */
export type Offset = 'addend' | 'mean';

export interface OffsetChoice {
  readonly name: string;
  readonly offset: Offset;
  readonly taken: boolean;
  /** Squared error of the layers that read the value, as it is and without the offset. */
  readonly errors: { readonly before: number; readonly after: number };
}

/** An addend becomes a constant of the size of the layers' results, so it must take this share of their squared error away. */
const ADDEND_GAIN = 0.5;
/** Likewise a mean that costs a subtraction when the program runs. */
const SUBTRACTION_GAIN = 0.2;

type Linear = NodeOf<'linear'>;

interface Options {
  readonly precision: Precision;
  readonly limit: number;
}

/** A program that is the same in exact arithmetic, and what was decided. */
export interface OffsetProgram {
  readonly graph: Graph;
  readonly choices: readonly OffsetChoice[];
}

/** How the layers that read one value fare with it as it is, and with codes of something else in its place. */
interface Site {
  readonly value: ValueId;
  readonly linears: readonly Linear[];
  /** Share of the squared error that has to go. */
  readonly gain: number;
  /** Emits what is coded in the value's place. */
  readonly coded: (editor: Editor) => ValueId;
}

/** The layers of the trunk that read a value; heads and inputs may stay in float. */
function trunkReading(graph: Graph, profile: Profile): (value: ValueId) => readonly Linear[] {
  const editor = editGraph(graph);
  const roles = layerRoles(graph);
  return (value) =>
    profile.has(value) && editor.definition(value) !== undefined
      ? linearsReading(editor, value).linears.filter(({ results: [result] }) => roles.get(result!) === 'trunk')
      : [];
}

/** Squared errors of each site's layers: by the codes of its value, and by those of what is coded in its place. */
async function compareSites(
  graph: Graph,
  profile: Profile,
  run: RunSamples,
  sites: readonly Site[],
  { precision: wanted, limit }: Options,
): Promise<readonly OffsetChoice['errors'][]> {
  const precision = trialPrecision(wanted);
  const opened = editGraph({ ...graph, outputs: [] });
  const coded = sites.map(({ linears: [first], coded: emit }) => {
    opened.at(opened.definition(first!.results[0]!)!);
    return emit(opened);
  });
  for (const value of new Set([...coded, ...sites.map(({ value: own }) => own)])) opened.output(`keep_${value}`, value);
  const program = opened.finish();
  const unseen = [...new Set(coded)].filter((value) => !profile.has(value));
  const seen = await profileCollector(unseen, new Set()).over((add, summed) =>
    run(instrument(program, unseen), 'ranges without offsets', add, limit, { summed }),
  );
  const codesOf = (value: ValueId): ActivationCodes =>
    activationQuant(valueOf(program, value).name, profile.get(value) ?? seen.get(value)!, precision);

  const editor = editGraph({ ...program, outputs: [] });
  for (const [i, { value, linears }] of sites.entries())
    for (const linear of linears) {
      const [, own] = linear.operands as [ValueId, ValueId];
      const { load } = graph.constants.get(own)!;
      const weight = editor.addConstant(typeOf(graph, own), valueOf(graph, own).name, load);
      const plan = planWeights(valueOf(graph, own).name || linear.source, load(), precision);
      const bare = { ...linear, operands: [value, weight, null], attrs: { activation: 'none' } } as Linear;
      const product = (x: ValueId): ValueId =>
        quantizedLayer(editor, { ...bare, operands: [x, weight, null] }, plan, codesOf(x));
      const exact = (x: ValueId): ValueId => editor.emitOne('linear', [x, weight, null], { activation: 'none' });
      addError(editor, `before_${i}_${linear.results[0]}`, exact(value), product(value));
      addError(editor, `after_${i}_${linear.results[0]}`, exact(coded[i]!), product(coded[i]!));
    }
  const sums = totals();
  await run(editor.finish(), 'offsets', sums.add, limit);
  return sites.map(({ linears }, i) => {
    const total = (way: string): number =>
      linears.reduce((sum, { results }) => sum + sums.get(`error_${way}_${i}_${results[0]}`), 0);
    return { before: total('before'), after: total('after') };
  });
}

/** The program without the offsets of those sites that are better off without. */
async function takeOut(
  graph: Graph,
  profile: Profile,
  run: RunSamples,
  offset: Offset,
  {
    sites,
    options,
    change,
  }: {
    readonly sites: readonly Site[];
    readonly options: Options;
    readonly change: (editor: Editor, value: ValueId) => void;
  },
): Promise<OffsetProgram> {
  if (sites.length === 0) return { graph, choices: [] };
  const errors = await compareSites(graph, profile, run, sites, options);
  const editor = editGraph(graph);
  const choices = sites.map(({ value, linears, gain }, i): OffsetChoice => {
    const { before, after } = errors[i]!;
    const taken = after < (1 - gain) * before;
    if (taken) change(editor, value);
    return { name: valueOf(graph, value).name || linears[0]!.source, offset, taken, errors: errors[i]! };
  });
  return { graph: editor.finish(), choices };
}

/** Takes constant addends, position embeddings, out of what layers read (`lift-addend`). */
export async function liftAddends(
  graph: Graph,
  profile: Profile,
  run: RunSamples,
  options: Options,
): Promise<OffsetProgram> {
  const reading = trunkReading(graph, profile);
  const editor = editGraph(graph);
  const sites = [...profile.keys()].flatMap((value): Site[] => {
    const addend = constantAddendOf(editor, value);
    const trunk = reading(value);
    // Layers that stay as they are would need the sum besides.
    if (
      !addend ||
      !profile.has(addend.y) ||
      trunk.length !== editor.users(value).length ||
      addend.linears.length !== trunk.length
    )
      return [];
    return [{ value, linears: trunk, gain: ADDEND_GAIN, coded: () => addend.y }];
  });
  return takeOut(graph, profile, run, 'addend', { sites, options, change: liftAddend });
}

/** Takes the mean of each channel out of what layers read (`center-input`). */
export async function centerInputs(
  graph: Graph,
  profile: Profile,
  run: RunSamples,
  options: Options,
): Promise<OffsetProgram> {
  const reading = trunkReading(graph, profile);
  const editor = editGraph(graph);
  const meanOf = (value: ValueId): Float32Array => profile.get(value)!.mean;
  const sites = [...profile.keys()].flatMap((value): Site[] => {
    const linears = reading(value);
    // What an attention gives is centred by way of its values.
    if (linears.length === 0 || !varies(profile.get(value)!) || editor.definition(value)?.op === 'attention') return [];
    const coded = (at: Editor): ValueId => {
      const data = meanOf(value);
      const mean = at.addTensor({ dtype: 'f32', shape: [data.length], data }, 'mean');
      return at.emitOne('binary', [value, mean], { fn: 'sub' });
    };
    return [{ value, linears, gain: centersFreely(editor, value) ? 0 : SUBTRACTION_GAIN, coded }];
  });
  return takeOut(graph, profile, run, 'mean', {
    sites,
    options,
    change: (at, value) => centerInput(at, value, meanOf(value)),
  });
}
