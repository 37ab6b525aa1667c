import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorSource, errorSources } from './report/error-sources.js';
import type { Report } from './report.js';
import { messageOf, UserError } from './user-error.js';

/**
 * The errors of a package's layers and attentions, in the order they run, as its report.json has them from when it was
 * compiled: a package holds no float program to measure them with again.
 *
 * @throws UserError where the report is missing, is none, or is of a float build
 */
export async function layerErrors(folder: string): Promise<readonly ErrorSource[]> {
  const path = join(folder, 'report.json');
  let report: Partial<Report>;
  try {
    report = JSON.parse(await readFile(path, 'utf8')) as Partial<Report>;
  } catch (cause) {
    throw new UserError(`${path}: cannot be read: ${messageOf(cause)}`, { cause });
  }
  const { models, layers, attentions } = report;
  if (!Array.isArray(models) || !Array.isArray(layers) || !Array.isArray(attentions))
    throw new UserError(`${path}: is not the report of a package`);
  const sources = errorSources(report as Report);
  if (sources.length === 0) throw new UserError(`${folder}: is compiled in float: no layer of it loses anything`);
  return sources;
}
