/**
 * What the Kubernetes client's own types name of `ws`: we open no WebSocket, so nothing of it is declared.
 * It must never be used to open one.
 * @module
 */
declare module 'ws' {
  export type WebSocket = never;
  export type ClientOptions = object;
}
