import type { Editor } from '../ir/edit.js';
import type { Node, NodeOf } from '../ir/graph.js';

/**
 * The linear layers that read a LayerNorm's output, where nothing else does and their weights are constants: then a scale
 * of each channel can move from the LayerNorm into the columns of their weights.
 */
export function migrationTargets(editor: Editor, norm: Node): readonly NodeOf<'linear'>[] | undefined {
  if (norm.op !== 'layer_norm' || editor.isOutput(norm.results[0]!)) return undefined;
  const [, gamma, beta] = norm.operands;
  if (!gamma || !beta || !editor.constant(gamma) || !editor.constant(beta)) return undefined;
  const targets: NodeOf<'linear'>[] = [];
  const waiting = [norm.results[0]!];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    for (const user of editor.users(value)) {
      const keepsChannels =
        user.op === 'reshape' && editor.type(user.results[0]!).shape.at(-1) === editor.type(value).shape.at(-1);
      if (keepsChannels && !editor.isOutput(user.results[0]!)) waiting.push(user.results[0]!);
      else if (
        user.op === 'linear' &&
        user.operands[0] === value &&
        user.operands[3] !== value &&
        user.operands[1] &&
        editor.constant(user.operands[1])
      )
        targets.push(user);
      else return undefined;
    }
  }
  return targets.length > 0 ? targets : undefined;
}

/**
 * LayerNorm(x)/s followed by W·s equals what it was (METHOD 5; SmoothQuant's migration). Factors that are powers of two
 * keep float32 exact but for the order of sums, which does not change.
 *
 * @param scales one for each channel; channel j of the LayerNorm's output is divided by it.
 */
export function migrateScales(editor: Editor, norm: NodeOf<'layer_norm'>, scales: Float32Array): void {
  const targets = migrationTargets(editor, norm);
  if (targets === undefined) return;
  const columns = editor.addTensor({ dtype: 'f32', shape: [1, scales.length], data: scales }, '');
  const inverse = editor.addTensor({ dtype: 'f32', shape: [scales.length], data: scales.map((s) => 1 / s) }, '');
  for (const target of targets) {
    const node = editor.definition(target.results[0]!) as NodeOf<'linear'>;
    editor.at(node);
    const operands = [...node.operands];
    operands[1] = editor.emitOne('binary', [operands[1]!, columns], { fn: 'mul' });
    editor.replace(node.results[0]!, editor.emitOne('linear', operands, node.attrs));
  }
  editor.at(norm);
  const [x, gamma, beta] = norm.operands;
  const moved = [gamma!, beta!].map((value) => editor.emitOne('binary', [value, inverse], { fn: 'mul' }));
  editor.replace(norm.results[0]!, editor.emitOne('layer_norm', [x!, ...moved], norm.attrs));
}
