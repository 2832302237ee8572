/**
 * Golden pairs: `x.pod.yaml` becomes `x.injected.yaml`. `make golden` rewrites them; the diff is what is reviewed.
 * @module
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { checkInjected } from './check-injected.ts';
import type { Pod } from './pod.ts';
import { asStored, imageDigest, imageId, injected, settings } from './testing/injection-world.ts';

const folder = join(import.meta.dirname, 'testing/golden');
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.pod.yaml'))
  .map((file) => file.slice(0, -'.pod.yaml'.length));

describe('the golden pairs', () => {
  test('are there', () => {
    expect(names.length).toBeGreaterThanOrEqual(14);
  });

  test.each(names)('%s', (name) => {
    const pod = parse(readFileSync(join(folder, `${name}.pod.yaml`), 'utf8')) as Pod;
    const result = injected(pod);
    const file = join(folder, `${name}.injected.yaml`);
    const text = stringify(result, { aliasDuplicateObjects: false, lineWidth: 0 });
    if (process.env['LETTERLOCK_GOLDEN'] === 'rewrite') writeFileSync(file, text);
    expect(text).toBe(readFileSync(file, 'utf8'));
    expect(injected(result)).toEqual(result);
    const forms = { settings: [settings], imageDigests: [imageDigest] };
    expect(checkInjected(asStored(result), { imageId }, forms)).toEqual({ isInjected: true });
  });
});
