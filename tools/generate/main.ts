/**
 * `node tools/generate/main.ts [--check]`: writes the generated files, or fails when one is stale.
 * Must never do anything else.
 * @module
 */
import { join } from 'node:path';
import { generateAll } from './generate.ts';
import { generators } from './generators.ts';

const isCheck = process.argv.includes('--check');
const stale = await generateAll(join(import.meta.dirname, '../..'), generators, { isCheck });
for (const file of stale) console.log(isCheck ? `${file} is stale; run make generate` : `Wrote ${file}`);
console.log(`${generators.length} generated files, ${stale.length} ${isCheck ? 'stale' : 'written'}`);
process.exitCode = isCheck && stale.length > 0 ? 1 : 0;
