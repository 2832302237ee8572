#!/usr/bin/env -S node --disable-proto=delete --disable-sigusr1 --tls-min-v1.3
/**
 * The command `letterlock`: starts the built program with its compiled code cached (126 → 77 ms).
 * Must never decide anything; it is committed only because npm links a command when its file exists.
 * @module
 */
import { enableCompileCache } from 'node:module';

enableCompileCache();
await import('../dist/main.js');
