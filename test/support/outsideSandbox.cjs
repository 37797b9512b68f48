/**
 * A jest transformer: the file is loaded by Node.js itself, once for all test files of a worker, and not into the sandbox of
 * each. For packages that a test reaches over HTTP alone: what they hand out is of another realm (`instanceof Error` is
 * false), and jest's fake timers do not reach them.
 */
module.exports = {
  getCacheKey: (_source, path) => `${__filename} ${path}`,
  process: (_source, path) => ({
    // jest gives the sandbox a subclass of Node's own module class.
    code: `module.exports = Object.getPrototypeOf(require('node:module')).createRequire(${JSON.stringify(path)})(${JSON.stringify(path)});`,
  }),
};
