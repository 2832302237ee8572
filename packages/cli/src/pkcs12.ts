/**
 * Opens PKCS#12 in a process of its own: little memory, no network, no files to write, a time limit.
 * It must never parse the file here: the parser is the part that is not trusted.
 * @module
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CommandError, usage } from './exit-status.ts';
import { pkcs12Limits, pkcs12Refusals, type Pkcs12Refusal } from './pkcs12-limits.ts';

const timeLimitMilliseconds = 20_000;
const answerBytes = 16_384;
const heapMebibytes = 96;

/** The one private key of a PKCS#12 file as PKCS#8 DER; the bytes are the caller's to erase. @throws usage saying why not */
export async function openPkcs12(file: Uint8Array, passphrase: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  if (file.length > pkcs12Limits.fileBytes)
    throw usage(`Cannot import: PKCS#12 is longer than ${pkcs12Limits.fileBytes} bytes`);
  const child = spawn(
    process.execPath,
    [
      `--max-old-space-size=${heapMebibytes}`,
      '--permission',
      // Modules are read; everything else (network, processes, writing) stays denied.
      '--allow-fs-read=*',
      '--disable-proto=delete',
      '--disable-sigusr1',
      '--disable-warning=SecurityWarning',
      '--disable-warning=ExperimentalWarning',
      fileURLToPath(
        new URL(import.meta.url.endsWith('.ts') ? './pkcs12-child.ts' : './pkcs12-child.js', import.meta.url),
      ),
    ],
    {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: {},
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeLimitMilliseconds)]),
      killSignal: 'SIGKILL',
    },
  );
  const chunks: Uint8Array[] = [];
  let length = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    if (length > answerBytes) child.kill('SIGKILL');
  });
  // A child that refuses early does not read all.
  child.stdin.on('error', () => undefined);
  const message = Buffer.alloc(2 + passphrase.length + file.length);
  message.writeUInt16BE(passphrase.length);
  message.set(passphrase, 2);
  message.set(file, 2 + passphrase.length);
  child.stdin.end(message);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', (cause) => {
      signal.throwIfAborted();
      reject(new CommandError('usage', 'Cannot import: reading PKCS#12 took too long or failed', undefined, cause));
    });
  }).finally(() => message.fill(0));
  if (status === 0 && length > 0) return Buffer.concat(chunks);
  const refusal = status === null ? undefined : pkcs12Refusals[status as Pkcs12Refusal];
  throw usage(`Cannot import: ${refusal ?? 'reading PKCS#12 failed'}`);
}
