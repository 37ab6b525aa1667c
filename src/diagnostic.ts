import { ModelError } from './ir/onnx/model-error.js';
import { UserError } from './user-error.js';

/** Errors that say what is wrong with the input or with the machine; others are defects of this program. */
export const isDiagnostic = (error: unknown): boolean =>
  error instanceof UserError ||
  error instanceof ModelError ||
  // Of the operating system: a full disk, a folder that may not be written.
  (error instanceof Error && 'syscall' in error);
