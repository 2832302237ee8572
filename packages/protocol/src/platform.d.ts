/** The few functions of the web platform that every runtime of ours has; protocol sees nothing else of its host. */
declare function atob(text: string): string;
declare function btoa(text: string): string;
declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  constructor(label: 'utf-8', options: { readonly fatal: true; readonly ignoreBOM: true });
  decode(bytes: Uint8Array): string;
}
interface Uint8Array<TArrayBuffer extends ArrayBufferLike> {
  setFromBase64?(text: string, options: { readonly alphabet: 'base64url' }): { readonly written: number };
  toBase64?(options: { readonly alphabet: 'base64url'; readonly omitPadding: true }): string;
}
interface Uint8ArrayConstructor {
  fromBase64?(text: string, options: { readonly alphabet: 'base64url' }): Uint8Array<ArrayBuffer>;
}
