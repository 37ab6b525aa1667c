import { fileURLToPath } from 'node:url';

/** Pictures and prompts that quantized builds are calibrated on where the user gives none. */
export const SHIPPED_SCENES = fileURLToPath(new URL('../examples/scenes/calibration', import.meta.url));

/** Pictures that the page of a compiled pair of models offers. */
export const SHIPPED_EXAMPLES = ['000', '001', '002', '003'].map((name) =>
  fileURLToPath(new URL(`../examples/scenes/evaluation/${name}.png`, import.meta.url)),
);
