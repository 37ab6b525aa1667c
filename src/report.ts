import { attentionsOf, kindOf, moduleOf } from './calibrate/attentions.js';
import type { QuantizationReport } from './calibrate/quantize-program.js';
import type { Graph } from './ir/graph.js';
import type { Bits } from './options.js';

export interface ReportModel {
  readonly name: string;
  /** After the canonical pipeline, or quantized. */
  readonly graph: Graph;
  readonly quantization?: QuantizationReport;
}

/** What report.json holds: INTERFACE's fields, each with the model it is of. A float build has names and kinds only. */
export function packageReport(models: readonly ReportModel[], bits: Bits): unknown {
  return {
    attentions: models.flatMap(({ name: model, graph, quantization }) =>
      quantization
        ? quantization.attentions.map(({ name, kind, keys, softmax }) => ({
            model,
            name,
            kind,
            bimodal: keys.bimodal,
            flipped_channels: keys.flippedChannels,
            keys: keys.transform,
            ...(keys.refused !== undefined && { keys_refused: keys.refused }),
            keys_errors: keys.errors,
            softmax: softmax && { ...softmax.softmax, errors: softmax.errors },
          }))
        : attentionsOf(graph).map((attention) => ({
            model,
            name: moduleOf(attention.source),
            kind: kindOf(graph, attention),
          })),
    ),
    layers: models.flatMap(({ name: model, quantization }) =>
      layersOf(quantization, bits).map((layer) => ({ model, ...layer })),
    ),
    outputs: models.flatMap(({ name: model, quantization }) =>
      [...(quantization?.comparison.outputs ?? [])].map(([name, sqnr]) => ({ model, name, sqnr_db: finite(sqnr) })),
    ),
  };
}

function layersOf(quantization: QuantizationReport | undefined, bits: Bits): readonly object[] {
  if (quantization === undefined) return [];
  const measured = new Map(quantization.comparison.layers.map((layer) => [layer.source, layer.sqnrDecibels]));
  return quantization.layers.map(({ node, role, ownDecibels, quantized }) => ({
    name: node.source,
    op: node.op,
    role,
    bits: quantized ? bits : 'f32',
    sqnr_db: finite(measured.get(node.source) ?? ownDecibels),
  }));
}

/** JSON has no infinity: nothing was lost, or nothing measured. */
const finite = (decibels: number | undefined): number | null =>
  decibels !== undefined && Number.isFinite(decibels) ? decibels : null;
