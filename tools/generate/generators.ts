/**
 * The generated files of the repository, one row a file: where it stands and what makes its text.
 * Must never make a text that depends on the clock, the machine or the order of a folder's listing.
 * @module
 */
import { generateRights } from '../chart/rights.ts';
import { generateValues, generateValuesReference } from '../chart/values.ts';
import { generateAttackList } from './attack-list.ts';
import { chartCopies, generateManifests } from './chart-files.ts';
import { generateCommandLine } from './reference-cli.ts';
import { generateConfiguration } from './reference-configuration.ts';
import { generateErrors } from './reference-errors.ts';
import { generateHttpApi } from './reference-http-api.ts';

export interface Generator {
  /** Path from the repository's root. */
  readonly file: string;
  /** The whole text of the file. */
  readonly generate: () => string | Promise<string>;
}

export const generators: readonly Generator[] = [
  { file: 'docs/reference/cli.md', generate: generateCommandLine },
  { file: 'docs/reference/configuration.md', generate: generateConfiguration },
  { file: 'docs/reference/errors.md', generate: generateErrors },
  { file: 'docs/reference/http-api.md', generate: generateHttpApi },
  { file: 'docs/reference/kubernetes-rights.md', generate: generateRights },
  { file: 'docs/reference/values.md', generate: generateValuesReference },
  { file: 'docs/security.md', generate: generateAttackList },
  { file: 'charts/letterlock/values.yaml', generate: generateValues },
  ...chartCopies,
  // After the copies, which it renders.
  { file: 'deploy/kubernetes/transient.yaml', generate: generateManifests },
];
