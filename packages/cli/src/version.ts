/**
 * The version of the command line; a test holds it to package.json.
 * It must never be computed: bundles have no package.json beside them.
 * @module
 */
export const version = '0.1.0';
