import { type Editor, editGraph } from '../ir/edit.js';
import { type Graph, type NodeOf, type ValueId, valueOf } from '../ir/graph.js';
import { quantizedLayer } from '../passes/insert-quantize.js';
import { migrateScales, migrationTargets } from '../passes/migrate-scales.js';
import { planWeights } from './choose-layers.js';
import { activationQuant, type Precision } from './precision.js';
import { instrument, type Profile, profileCollector } from './profile.js';
import type { RunSamples } from './run-samples.js';
import { addError, totals } from './score.js';

type Norm = NodeOf<'layer_norm'>;

/** Share of the range that moves from the activation into the weights: SmoothQuant's α, tried on each LayerNorm. */
const STRENGTHS = [0.5, 0.75] as const;

export interface MigrationChoice {
  readonly name: string;
  /** 0: nothing moved. */
  readonly strength: number;
  /** Squared error of the layers behind the LayerNorm, by strength. */
  readonly errors: Readonly<Record<string, number>>;
}

interface Candidate {
  readonly strength: number;
  readonly scales: Float32Array;
}
interface Site {
  readonly norm: Norm;
  readonly targets: readonly NodeOf<'linear'>[];
  readonly candidates: readonly Candidate[];
}

/**
 * max|x_j|^α / max|W_:j|^(1−α) (SmoothQuant, section 4.1; METHOD 5). Powers of two would fold without an error of float32, and
 * cost a twelfth of the squared error at 4 bits that the nearest float does not.
 */
function migrationScales(reach: Float32Array, weights: Float32Array, strength: number): Float32Array {
  return reach.map((x, j) => {
    const scale = Math.fround(x ** strength / weights[j]! ** (1 - strength));
    return Number.isFinite(scale) && scale > 0 && Number.isFinite(1 / scale) ? scale : 1;
  });
}

/** The largest weight of each input channel over all the layers that read it. */
function columnReach(graph: Graph, targets: readonly NodeOf<'linear'>[], channels: number): Float32Array {
  const reach = new Float32Array(channels);
  for (const { operands } of targets) {
    const weights = graph.constants.get(operands[1]!)!.load().data as Float32Array;
    weights.forEach((w, i) => {
      reach[i % channels] = Math.max(reach[i % channels]!, Math.abs(w));
    });
  }
  return reach;
}

function sitesOf(graph: Graph, profile: Profile): readonly Site[] {
  const editor = editGraph(graph);
  return graph.nodes.flatMap((norm): Site[] => {
    if (norm.op !== 'layer_norm') return [];
    const targets = migrationTargets(editor, norm);
    const seen = targets && profile.get(targets[0]!.operands[0]!);
    if (!targets || !seen) return [];
    const reach = seen.min.map((low, j) => Math.max(Math.abs(low), Math.abs(seen.max[j]!)));
    const columns = columnReach(graph, targets, reach.length);
    const candidates = STRENGTHS.map((strength) => ({ strength, scales: migrationScales(reach, columns, strength) }));
    return [{ norm, targets, candidates }];
  });
}

/** x/s, computed in the program for the trial. */
function scaledInput(editor: Editor, value: ValueId, { scales }: Candidate): ValueId {
  const divisor = editor.addTensor({ dtype: 'f32', shape: [scales.length], data: scales }, 'migrated scales');
  return editor.emitOne('binary', [value, divisor], { fn: 'div' });
}

const scaledColumns = (editor: Editor, weight: ValueId, columns: Float32Array): ValueId =>
  editor.emitOne(
    'binary',
    [weight, editor.addTensor({ dtype: 'f32', shape: [1, columns.length], data: columns }, 'migrated scales')],
    { fn: 'mul' },
  );

/**
 * Decides for each LayerNorm how much of its channels' scale moves into the linear layers behind it, by the error of those
 * layers' results on exact inputs, and folds it.
 */
export async function chooseMigration(
  graph: Graph,
  profile: Profile,
  run: RunSamples,
  { precision, limit }: { readonly precision: Precision; readonly limit: number },
): Promise<{ readonly graph: Graph; readonly choices: readonly MigrationChoice[] }> {
  const sites = sitesOf(graph, profile);
  if (sites.length === 0) return { graph, choices: [] };

  const widened = editGraph({ ...graph, outputs: [] });
  const trials = sites.flatMap((site, index) =>
    site.candidates.map((candidate) => {
      const x = site.targets[0]!.operands[0]!;
      const scaled = scaledInput(widened, x, candidate);
      widened.output(`keep_${scaled}`, scaled);
      return { site, index, candidate, scaled };
    }),
  );
  for (const { targets } of sites) for (const { results } of targets) widened.output(`keep_${results[0]}`, results[0]!);
  const program = widened.finish();
  const collector = profileCollector(trials.map(({ scaled }) => scaled));
  const instrumented = instrument(
    program,
    trials.map(({ scaled }) => scaled),
  );
  const ranges = await collector.over((add, summed) =>
    run(instrumented, 'ranges of migrated scales', add, limit, { summed }),
  );
  const seen: Profile = new Map([...profile, ...ranges]);

  const scoring = editGraph({ ...program, outputs: [] });
  const tryLayers = (index: number, label: string, site: Site, x: ValueId, columns?: Float32Array): void => {
    const quant = activationQuant(valueOf(program, x).name, seen.get(x)!, precision);
    site.targets.forEach((target, i) => {
      const [input, weight, bias] = target.operands as [ValueId, ValueId, ValueId | null | undefined];
      const attrs = { activation: 'none' } as const;
      const reference = scoring.emitOne('linear', [input, weight, bias ?? null], attrs);
      const moved = columns ? scaledColumns(scoring, weight, columns) : weight;
      // A layer behind a reshape reads the same rows in another shape.
      const rows = scoring.emitOne('reshape', [x], { shape: scoring.type(input).shape });
      const node = { ...target, operands: [rows, moved, bias ?? null], attrs };
      const plan = planWeights(target.source, scoring.constant(moved)!.load(), precision);
      addError(scoring, `${index}_${label}_${i}`, reference, quantizedLayer(scoring, node, plan, quant));
    });
  };
  sites.forEach((site, index) => {
    tryLayers(index, '0', site, site.targets[0]!.operands[0]!);
  });
  for (const { site, index, candidate, scaled } of trials)
    tryLayers(index, String(candidate.strength), site, scaled, candidate.scales);
  const sums = totals();
  await run(scoring.finish(), 'scale migration', sums.add, limit);

  const editor = editGraph(graph);
  const choices = sites.map(({ norm, targets, candidates }, index): MigrationChoice => {
    const errorOf = (label: string): number =>
      targets.reduce((sum, _, i) => sum + sums.get(`error_${index}_${label}_${i}`), 0);
    const errors = Object.fromEntries(
      ['0', ...candidates.map(({ strength }) => String(strength))].map((label) => [label, errorOf(label)] as const),
    );
    const best = [...candidates].sort((a, b) => errors[a.strength]! - errors[b.strength]!)[0]!;
    const moves = errors[best.strength]! < errors[0]!;
    const current = editor.definition(norm.results[0]!);
    if (moves && current?.op === 'layer_norm') migrateScales(editor, current, best.scales);
    return { name: norm.source, strength: moves ? best.strength : 0, errors };
  });
  return { graph: editor.finish(), choices };
}
