import { basename } from 'node:path';

/** A model that cannot be compiled. The message names the file, the node (where there is one) and the cause. */
export class ModelError extends Error {
  override readonly name: string = 'ModelError';

  constructor(
    readonly file: string,
    readonly node: string | undefined,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${basename(file)}: ${node === undefined ? '' : `${node}: `}${reason}`, options);
  }
}

/**
 * A shape or an attribute depends on what a run-time input holds. Freezing `inputs` makes the model compilable.
 */
export class NeedsConstant extends ModelError {
  override readonly name: string = 'NeedsConstant';

  constructor(
    file: string,
    node: string,
    readonly inputs: readonly string[],
    what: string,
  ) {
    super(
      file,
      node,
      inputs.length === 0
        ? `${what} depends on data computed at run time`
        : `${what} depends on the data of ${inputs.map((input) => `'${input}'`).join(', ')}; make it a constant with ${inputs
            .map((input) => `--freeze ${input}=<file.npy>`)
            .join(' ')}`,
    );
  }
}
