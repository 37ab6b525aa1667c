/** What the user gave is at fault. The message names the file (and node) and the cause; no stack is shown for it. */
export class UserError extends Error {
  override readonly name: string = 'UserError';
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
