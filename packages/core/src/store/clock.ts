/**
 * The clock port. Decisions never read a clock themselves; they are given one of these.
 * @module
 */
export interface Clock {
  /** Seconds since 1970-01-01T00:00:00Z, integer. */
  nowSeconds(): number;
  /** Seconds on a clock that cannot step back, integer, from an arbitrary start. */
  monotonicSeconds(): number;
}
