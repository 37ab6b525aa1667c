import { type Editor, editGraph } from '../ir/edit.js';
import { type Graph, type NodeOf, typeOf, type ValueId, valueOf } from '../ir/graph.js';
import { attentionObstacle, quantizedLayer } from '../passes/insert-quantize.js';
import { type HeadBases, mixColumns } from '../passes/mix-channels.js';
import { mixValue, outputProjectionOf, type ValueChange } from '../passes/mix-value.js';
import { ATTENTION, isRefusal, projectionOf } from '../passes/scale-query-key.js';
import { type Attention, attentionsOf } from './attentions.js';
import { balancingBasis, scaledBasis } from './balancing-basis.js';
import { planWeights } from './choose-layers.js';
import { type KeptAttentions, openTrials } from './kept-attentions.js';
import { inBases } from './key-transforms.js';
import { headMoments, type OperandMoments, operandMoments } from './operand-moments.js';
import { activationQuant, type Precision, trialPrecision } from './precision.js';
import { instrument, type Profile, profileCollector, varies } from './profile.js';
import type { RunSamples } from './run-samples.js';
import { addError, totals } from './score.js';
import { emitIntegerAttention } from './try-attention.js';

/** What is subtracted from V: nothing, its channels' mean, the middle of their range, or the mean of what the attention gives. */
type Center = 'none' | 'mean' | 'mid-range' | 'result mean';
/** `mixed`: in bases balanced with the output projection; `even`: and scaled so that all heads vary alike. */
export type ValueTransform = Center | `${Center}+mixed` | `${Center}+even`;

interface ValueCandidate extends ValueChange {
  readonly transform: ValueTransform;
}

/** What was found and done, for the report. */
export interface ValueChoice {
  readonly transform: ValueTransform;
  /** Squared error of what the output projection gives, for each transform tried. */
  readonly errors: Readonly<Partial<Record<ValueTransform, number>>>;
}

/** An attention whose values can be changed. */
interface Site {
  readonly place: number;
  readonly attention: Attention;
  readonly output: NodeOf<'linear'>;
}

function sitesOf(graph: Graph, profile: Profile): readonly Site[] {
  const editor = editGraph(graph);
  return attentionsOf(graph).flatMap((attention, place): Site[] => {
    const output = outputProjectionOf(editor, attention);
    const value = projectionOf(editor, attention.operands[ATTENTION.v]!, 'the value');
    const seen = profile.get(attention.operands[ATTENTION.v]!);
    if (seen === undefined || !varies(seen)) return [];
    if (isRefusal(output) || isRefusal(value) || attentionObstacle(editor, attention) !== undefined) return [];
    return [{ place, attention, output }];
  });
}

/** WᵀW [d, d] of the columns of one head of the output projection [n, heads·d]. */
function columnMoments(weight: Float32Array, channels: number, first: number, d: number): Float64Array {
  const sums = new Float64Array(d * d);
  for (let row = first; row < weight.length; row += channels)
    for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) sums[i * d + j]! += weight[row + i]! * weight[row + j]!;
  return sums;
}

/** Bases in which the values of a head, about `center`, and the columns that read them have the same moments. */
function valueBases(
  moments: OperandMoments,
  weight: Float32Array,
  {
    heads,
    center,
    even,
  }: { readonly heads: number; readonly center: Float32Array | undefined; readonly even: boolean },
): HeadBases | undefined {
  const d = moments.channels / heads;
  const found = Array.from({ length: heads }, (_, head) => {
    const values = headMoments(moments, heads, head, center);
    const basis = balancingBasis(values, columnMoments(weight, moments.channels, head * d, d), d);
    return basis && even ? scaledBasis(basis, values, d) : basis;
  });
  const known = found.filter((basis) => basis !== undefined);
  if (known.length < heads) return undefined;
  const joined = (side: 'to' | 'from'): Float64Array => Float64Array.from(known.flatMap((basis) => [...basis[side]]));
  return { heads, to: joined('to'), from: joined('from') };
}

function candidatesOf(
  graph: Graph,
  profile: Profile,
  { attention: { operands, attrs, results }, output }: Site,
  moments: OperandMoments,
): readonly ValueCandidate[] {
  const own = profile.get(operands[ATTENTION.v]!)!;
  const weight = graph.constants.get(output.operands[1]!)!.load().data as Float32Array;
  const centers: Readonly<Record<Center, Float32Array | undefined>> = {
    none: undefined,
    mean: own.mean,
    'mid-range': own.min.map((low, j) => (low + own.max[j]!) / 2),
    'result mean': profile.get(results[0]!)?.mean,
  };
  return (Object.keys(centers) as Center[]).flatMap((name): ValueCandidate[] => {
    const center = centers[name];
    if (name !== 'none' && center === undefined) return [];
    const change = center && { center };
    const mixed = (even: boolean): ValueCandidate[] => {
      const bases = valueBases(moments, weight, { heads: attrs.heads, center, even });
      return bases ? [{ transform: `${name}+${even ? 'even' : 'mixed'}`, ...change, bases }] : [];
    };
    return [{ transform: name, ...change }, ...mixed(false), ...mixed(true)];
  });
}

/** Values, a mean of them, or the constant of a padded token, changed as the candidate says. */
function transformed(editor: Editor, x: ValueId, { center, bases }: ValueChange): ValueId {
  const shift = center && editor.addTensor({ dtype: 'f32', shape: [center.length], data: center }, 'center');
  const at = shift ? editor.emitOne('binary', [x, shift], { fn: 'sub' }) : x;
  return bases ? inBases(editor, at, bases.to, bases.heads) : at;
}

/**
 * Decides and applies, for each attention, what its values are centred by and the bases of its heads (`mix-value`): what gives the least
 * error behind the output projection on the calibration samples. By place.
 */
export async function chooseValues(
  graph: Graph,
  profile: Profile,
  run: RunSamples,
  options: { readonly precision: Precision; readonly limit: number; readonly kept: KeptAttentions },
): Promise<{ readonly graph: Graph; readonly choices: ReadonlyMap<number, ValueChoice> }> {
  const { limit, kept } = options;
  const precision = trialPrecision(options.precision);
  const sites = sitesOf(graph, profile);
  if (sites.length === 0) return { graph, choices: new Map() };
  const places = sites.map(({ place }) => place);
  const moments = await operandMoments(graph, run, places, ['v'], { limit, kept });
  const { editor: opened, attentions } = openTrials(graph, kept, places);
  const trials = sites.flatMap((site, i) => {
    const { node } = attentions[i]!;
    const behind = opened.definition(node.results[0]!);
    if (behind) opened.at(behind);
    return candidatesOf(graph, profile, site, moments(site.place, 'v')).map((candidate) => ({
      site,
      node,
      candidate,
      values: transformed(opened, node.operands[ATTENTION.v]!, candidate),
      result: transformed(opened, node.results[0]!, candidate),
    }));
  });
  const observed = [...new Set(trials.flatMap(({ values, result }) => [values, result]))];
  for (const value of observed) opened.output(`keep_${value}`, value);
  const program = opened.finish();
  const seen = await profileCollector(observed, new Set()).over((add, summed) =>
    run(instrument(program, observed), 'ranges of transformed values', add, limit, { kept: kept.values, summed }),
  );

  const editor = editGraph({ ...program, outputs: [] });
  const codesOf = (value: ValueId) => ({
    value,
    quant: activationQuant(valueOf(program, value).name, seen.get(value)!, precision),
  });
  for (const { site, node, candidate, values, result } of trials) {
    const operand = (role: 'q' | 'k') => {
      const value = site.attention.operands[ATTENTION[role]]!;
      const quant = activationQuant(valueOf(graph, value).name, profile.get(value)!, precision);
      return { value: node.operands[ATTENTION[role]]!, quant };
    };
    const operands = [...node.operands];
    const pad = operands[ATTENTION.valuePad];
    if (pad != null) operands[ATTENTION.valuePad] = transformed(editor, pad, candidate);
    const given = emitIntegerAttention(
      editor,
      { ...node, operands },
      {
        q: operand('q'),
        k: operand('k'),
        v: codesOf(values),
        softmax: precision.trialSoftmax,
      },
    );
    const weight = site.output.operands[1]!;
    const own = editor.addConstant(
      typeOf(graph, weight),
      valueOf(graph, weight).name,
      graph.constants.get(weight)!.load,
    );
    const { bases } = candidate;
    const moved = bases ? mixColumns(editor, own, bases.from, bases.heads) : own;
    const plan = planWeights(
      valueOf(graph, weight).name || site.output.source,
      editor.constant(moved)!.load(),
      precision,
    );
    const layer: NodeOf<'linear'> = { ...site.output, operands: [given, moved, null], attrs: { activation: 'none' } };
    const exact = editor.emitOne('linear', [result, moved, null], { activation: 'none' });
    addError(
      editor,
      `${site.place}_${candidate.transform}`,
      exact,
      quantizedLayer(editor, layer, plan, codesOf(result).quant),
    );
  }
  const sums = totals();
  await run(editor.finish(), 'values', sums.add, limit, { kept: kept.values });

  const editing = editGraph(graph);
  const choices = sites.map(({ place, attention }): [number, ValueChoice] => {
    const scored = trials
      .filter(({ site }) => site.place === place)
      .map(({ candidate }) => ({ candidate, error: sums.get(`error_${place}_${candidate.transform}`) }))
      .sort((a, b) => a.error - b.error);
    const { candidate } = scored[0]!;
    const current = editing.definition(attention.results[0]!) ?? attention;
    const refused = mixValue(editing, current, candidate);
    return [
      place,
      {
        transform: refused ? 'none' : candidate.transform,
        errors: Object.fromEntries(scored.map(({ candidate: { transform }, error }) => [transform, error])),
      },
    ];
  });
  return { graph: editing.finish(), choices: new Map(choices) };
}
