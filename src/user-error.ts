import { ModelError } from './ir/onnx/model-error.js';

/** What the user gave is at fault. The message names the file (and node) and the cause; no stack is shown for it. */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/** Errors that say what is wrong with the input or with the machine; others are defects of this program. */
export const isDiagnostic = (error: unknown): boolean =>
  error instanceof UserError ||
  error instanceof ModelError ||
  // Of the operating system: a full disk, a folder that may not be written.
  (error instanceof Error && 'syscall' in error);

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
