/**
 * The program `letterlock`: keeps compiled code between runs, then hands over to the command line.
 * It must never decide anything, and nothing may import it.
 * @module
 */
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Halves the start. The folder is the user's own: code from a shared one would run with the user's keys.
enableCompileCache(join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'letterlock', 'code'));
const { runProgram } = await import('./program.ts');
process.exitCode = await runProgram(process.argv.slice(2));
