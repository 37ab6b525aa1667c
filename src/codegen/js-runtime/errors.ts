/** What this package throws. Every class has its own name, so that `error.name` tells them apart across workers. */
export class SamError extends Error {
  override name = 'SamError';
}

/** An argument is wrong; nothing has run. */
export class SamArgumentError extends SamError {
  override name = 'SamArgumentError';
}

/** A file of the package cannot be loaded: missing, damaged, of another build, or of a back end this machine has not. */
export class SamLoadError extends SamError {
  override name = 'SamLoadError';
}

/** There is not enough memory for the model or for outputs of this size. */
export class SamMemoryError extends SamError {
  override name = 'SamMemoryError';
}

/** Used after `dispose`. */
export class SamDisposedError extends SamError {
  override name = 'SamDisposedError';
}
