import { messageOf, UserError } from './user-error.js';

/** What a file system says where the user has to make room or choose another place, by its code and in other programs' words. */
const REASONS: readonly { readonly code: string; readonly words: RegExp; readonly reason: string }[] = [
  { code: 'ENOSPC', words: /No space left on device/, reason: 'no space is left on this disk' },
  { code: 'EDQUOT', words: /Disk quota exceeded/, reason: 'the disk quota is used up' },
  { code: 'EFBIG', words: /File too large/, reason: 'a file would be larger than is allowed here' },
];

/**
 * Writes below `path`.
 *
 * @throws UserError naming `path` where there is no room; other errors as they are
 */
export async function writingBelow<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof UserError) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const found = REASONS.find((known) => known.code === code || known.words.test(messageOf(error)));
    throw found ? new UserError(`${path}: cannot be written: ${found.reason}`, { cause: error }) : error;
  }
}
