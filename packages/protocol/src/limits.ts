/**
 * Every limit and lifetime of the protocol, once. It must never hold a value that a deployment configures.
 * @module
 */

/** Sizes in bytes of what arrives. */
export const limits = {
  pathBytes: 512,
  headersBytes: 16_384,
  headerCount: 100,
  proofBytes: 4096,
  joseHeaderBytes: 1024,
  bodyBytes: 1_048_576,
  contentBytes: 524_288,
  /** All secrets of a binding together, and the files that a pod is given of it. */
  bindingBytes: 1_048_576,
  envelopeHeaderBytes: 8192,
  slotsPerEnvelope: 16,
  secretPathBytes: 256,
  secretPathSegments: 16,
  keysetBytes: 8192,
  nameBytes: 128,
  whyBytes: 128,
  targetCharacters: 768,
  operationBytes: 65_536,
  operationsPerRequest: 16,
  /** One message to a peer, and one of an agent. */
  peerMessageBytes: 65_536,
  agentMessageBytes: 1_048_576,
  attestationBytes: 8192,
  peerAnswerCharacters: 8192,
  certificateChainLength: 3,
  certificateBytes: 8192,
  /** A ServiceAccount token. */
  tokenBytes: 8192,
  admins: 16,
  /** Server images whose replicas may be unsealed by others. */
  bootImages: 16,
  deliveriesPerClaim: 8,
  itemsPerPage: 1000,
  explainCharacters: 512,
  replicasPerCheckpoint: 64,
  /** Authorities of workload certificates that are trusted at one time: one that signs, and one that will or did. */
  authorities: 2,
  pastAuthorities: 32,
  /** 256 earlier numbers, and its own where a record fills it. */
  voidsPerAuditRecord: 257,
} as const;

/** Lifetimes and windows in seconds. */
export const lifetimes = {
  nonce: 120,
  issuedAtSkew: 300,
  proofSkewLogged: 300,
  stateStatement: 300,
  onceMaximum: 30 * 86_400,
  onceDefault: 86_400,
  windowMinimum: 15,
  windowMaximum: 900,
  windowDefault: 60,
  operationMaximum: 7 * 86_400,
  collectedShares: 900,
  transcript: 600,
  workloadCertificate: 3600,
  /** What a static identity says about a start. */
  bootStatement: 300,
  /** Of a key that a writer's token has registered. */
  tokenWriter: 600,
  /** Of a statement of a binding's key, and the age at which a binding gets a new one. */
  bindingKeyStatement: 7 * 86_400,
  bindingKey: 90 * 86_400,
  tombstoneInMemory: 3600,
  tombstoneDurable: 90 * 86_400,
} as const;

/** Failed proofs per source address and minute before 429. */
export const failedProofsPerMinute = 20;

/** HTTP names that the protocol adds. */
export const headerNames = {
  authorization: 'authorization',
  scheme: 'Letterlock',
  replayNonce: 'replay-nonce',
  writerToken: 'letterlock-writer-token',
} as const;

/** TLS exporter of the channel binding. @source RFC 9266 §4.2 */
export const channelBinding = { label: 'EXPORTER-Channel-Binding', lengthBytes: 32 } as const;

/** Labels of key derivation (HKDF info after `letterlock/v1/`); each purpose has its own. */
export const labels = {
  kek: 'kek',
  configuration: 'cfg',
  commitment: 'commit',
  payload: 'payload',
  stream: 'stream',
  acknowledgement: 'ack',
  record: 'rec',
} as const;
export type Label = (typeof labels)[keyof typeof labels];

/** Prefix of every HKDF info string. */
export const labelPrefix = 'letterlock/v1/';
/** Domain strings of MACs, hashes and associated data. Each ends with a zero byte. */
export const domains = {
  nonce: 'letterlock/v1/nonce\0',
  share: 'letterlock/v1/share\0',
  barrier: 'letterlock/v1/barrier\0',
} as const;
