/** How an input ended: accepted, refused with a diagnostic, or (a defect) in any other way. */
export type Outcome =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly message: string }
  | {
      readonly kind: 'defect';
      readonly message: string /** Defects at one place count as one. */;
      readonly place: string;
    };

/** Errors that say what is wrong with the input. Anything else that is thrown is a defect of the compiler. */
const DIAGNOSTICS = new Set(['ModelError', 'NeedsConstant', 'UserError']);
/** What a diagnostic may have been made from: other diagnostics, and what the IR says of operands that do not fit. */
const CAUSES = new Set([...DIAGNOSTICS, 'TypeMismatch', 'TextError', 'CommanderError', 'SyntaxError']);
/** Made of anything: protobufjs and fflate throw plain errors for damaged bytes, the file system its own. */
const READERS = /not (a whole|an?) (ONNX|\.npz)|cannot be read|: not JSON: /;

export function outcomeOf(run: () => void, diagnostics = DIAGNOSTICS): Outcome {
  try {
    run();
    return { kind: 'accepted' };
  } catch (error) {
    return outcomeOfError(error, diagnostics);
  }
}

export function outcomeOfError(error: unknown, diagnostics = DIAGNOSTICS): Outcome {
  if (!(error instanceof Error)) return { kind: 'defect', place: 'thrown', message: String(error) };
  if (!diagnostics.has(error.name)) return defect(error);
  if (!READERS.test(error.message))
    for (let cause = error.cause; cause instanceof Error; cause = cause.cause)
      if (!CAUSES.has(cause.name)) return defect(cause);
  return { kind: 'refused', message: error.message };
}

/** With the place in this project where it was thrown, by which defects are told apart. */
function defect(error: Error): Outcome {
  const frames = (error.stack ?? '').split('\n').filter((line) => line.includes('/src/'));
  const at = frames.slice(0, 3).map((line) =>
    line
      .trim()
      .replace(/.*\/src\//, 'src/')
      .replace(/\)$/, ''),
  );
  const place = `${error.name} at ${at.join(' < ')}`;
  return { kind: 'defect', place, message: `${error.message.slice(0, 300)} (${place})` };
}
