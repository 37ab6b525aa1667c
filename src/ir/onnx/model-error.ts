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

/** A run-time input whose data decides something at compile time. */
export interface DataSource {
  readonly name: string;
  /** Whether bounds of its few elements would do instead of the data. */
  readonly countable: boolean;
}

/**
 * A shape or an attribute depends on what a run-time input holds. Freezing `inputs` makes the model compilable.
 */
export class NeedsConstant extends ModelError {
  override readonly name: string = 'NeedsConstant';
  readonly inputs: readonly string[];

  constructor(file: string, node: string, sources: readonly DataSource[], what: string) {
    const names = sources.map(({ name }) => `'${name}'`).join(', ');
    const freeze = sources.map(({ name }) => `--freeze ${name}=<file.npy>`).join(' ');
    const bound = sources.map(({ name }) => `--dim ${name}=<min>..<max>`).join(' ');
    const remedy = `make it a constant with ${freeze}${
      sources.every(({ countable }) => countable) ? ` or bound its elements with ${bound}` : ''
    }`;
    super(
      file,
      node,
      sources.length === 0
        ? `${what} depends on data computed at run time`
        : `${what} depends on the data of ${names}; ${remedy}`,
    );
    this.inputs = sources.map(({ name }) => name);
  }
}
