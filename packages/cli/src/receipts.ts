/**
 * Receipts for people and for files: the state of a wrap in words, and what a third party needs to verify it.
 * It must never put a state into words that the instance key did not sign.
 * @module
 */
import type { Receipt } from '@letterlock/client';
import type { ReceiptClaims } from '@letterlock/protocol';
import type { Connected } from './connect.ts';
import { writeWholeFile } from './files/write-file.ts';
import { formatTime } from './time-text.ts';

/** A receipt file: the receipt and the key that signed it; the fingerprint is what a reader must know already. */
export interface ReceiptFile {
  readonly receipt: string;
  readonly instanceKey: Readonly<Record<string, string>>;
}

/** The state of a receipt in words; `opener` is who opened it, where that is known. */
export function describeState({ st, at }: Pick<ReceiptClaims, 'st' | 'at'>, opener?: string): string {
  const when = formatTime(at);
  const by = opener === undefined ? '' : ` by ${opener}`;
  const words: Readonly<Record<ReceiptClaims['st'], string>> = {
    STORED: `stored ${when}, never opened`,
    CLAIMED: `opened ${when}${by}, not acknowledged yet`,
    OPENED: `opened${by}, acknowledged ${when}`,
    BURNED: `opened${by}, never acknowledged; ended ${when}: it may have been read`,
    EXPIRED: `expired ${when}, never opened`,
    REVOKED: `revoked ${when}, never opened`,
    DESTROYED: `destroyed ${when}`,
  };
  return words[st];
}

/** The receipt with its key, for `-o json` and for files. */
export async function receiptFile(connected: Connected, receipt: Receipt, signal: AbortSignal): Promise<ReceiptFile> {
  const { instanceKey } = await connected.client.state({ signal });
  return { receipt: receipt.jws, instanceKey: { ...(instanceKey?.jwk as unknown as Record<string, string>) } };
}

/** Writes a receipt file. @throws usage if it exists and is not to be replaced */
export function writeReceipt(path: string, file: ReceiptFile, isReplacing: boolean): void {
  writeWholeFile(path, `${JSON.stringify(file)}\n`, { isReplacing, mode: 0o644 });
}
