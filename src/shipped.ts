import { fileURLToPath } from 'node:url';

/** Pictures and prompts that quantized builds are calibrated on where the user gives none. */
export const SHIPPED_SCENES = fileURLToPath(new URL('../examples/scenes/calibration', import.meta.url));
