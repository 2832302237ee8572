/**
 * Stops Jest before the first test when Node is too old or ES modules are not native.
 * Must never let a run continue that would silently test something else than what ships.
 * JavaScript on purpose: an old Node must be able to read it.
 * @module
 */
import vm from 'node:vm';

const leastMajorVersion = 26;

export default function refuseWrongRuntime() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < leastMajorVersion) {
    throw new Error(
      `Cannot run tests: Node is ${process.version}, need ${leastMajorVersion} or newer; use make test or npm run jest`,
    );
  }
  if (vm.SourceTextModule === undefined) {
    throw new Error(
      'Cannot run tests: Jest runs CommonJS, need NODE_OPTIONS=--experimental-vm-modules; use npm run jest',
    );
  }
}
