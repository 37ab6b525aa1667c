import { emitProgram } from '../codegen/emit-program.js';
import type { TargetName } from '../codegen/targets.js';
import type { Graph } from '../ir/graph.js';
import type { QuantizationPlan } from '../passes/insert-quantize.js';
import type { SamModel } from '../sam.js';
import { type Assignment, paretoFront } from './assign-bits.js';
import { LAYER_BITS, type LayerBits, type LayerGroup, layersWith, type MixedProgram } from './layer-bits.js';
import type { CodeOptions } from './precision.js';
import { planOf, quantizedGraph } from './prepare-program.js';

export interface MixedModel {
  readonly name: string;
  readonly role: SamModel['role'];
  readonly program: MixedProgram;
}

/** A model with its bits chosen. */
export interface ChosenProgram {
  readonly plan: QuantizationPlan;
  readonly graph: Graph;
}

export interface PackageGroup extends LayerGroup {
  /** The model's name. */
  readonly model: string;
}

/** The models of a package as one problem: groups of layers of all of them, and what assignments make of them. */
export interface MixedPackage {
  readonly groups: readonly PackageGroup[];
  readonly front: readonly Assignment[];
  /** All groups at one number of bits. */
  readonly uniform: (bits: LayerBits) => Omit<Assignment, 'options'>;
  /** By group. */
  readonly bitsOf: (assignment: Assignment) => readonly (LayerBits | undefined)[];
  /** By model. */
  readonly build: (assignment: Assignment) => readonly ChosenProgram[];
  /** Bytes of the weights files together. */
  readonly weigh: (programs: readonly ChosenProgram[]) => number;
}

export function mixedPackage(models: readonly MixedModel[], codes: CodeOptions, target: TargetName): MixedPackage {
  // An encoder's error counts as what becomes of it at the decoder's outputs.
  const gain = models.find(({ program }) => program.inputGain !== undefined)?.program.inputGain ?? 1;
  const groups = models.flatMap(({ name, role, program }) =>
    program.groups.map(
      ({ layers, options }): PackageGroup => ({
        model: name,
        layers,
        options: options.map((option) => ({ ...option, error: option.error * (role === 'encoder' ? gain : 1) })),
      }),
    ),
  );
  const bitsOf = ({ options }: Assignment) => groups.map((group, i) => group.options[options[i]!]!.bits);
  return {
    groups,
    front: paretoFront(groups.map(({ options }) => options)),
    uniform: (bits) => {
      const options = groups.map((group) => group.options[LAYER_BITS.indexOf(bits)]!);
      return {
        bytes: options.reduce((sum, { bytes }) => sum + bytes, 0),
        error: options.reduce((sum, { error }) => sum + error, 0),
      };
    },
    bitsOf,
    build: (assignment) => {
      const bits = bitsOf(assignment);
      return models.map(({ name, program }) => {
        const own = bits.filter((_, i) => groups[i]!.model === name);
        const { layers, precisionOf } = layersWith(program, own, codes);
        const plan = planOf(program.prepared, layers, precisionOf);
        return { plan, graph: quantizedGraph(program.prepared.graph, plan) };
      });
    },
    weigh: (programs) =>
      programs.reduce(
        (sum, { graph }) => sum + emitProgram(graph, { name: 'model', target, exact: true }).weights.bytes(),
        0,
      ),
  };
}
