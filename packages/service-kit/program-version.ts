// The version of the whole house, as services tell it.
// Not read from disk: the build lies in another directory than the sources; a test compares it with package.json.
// Invariant: equal to the "version" of the workspace's root.

export const PROGRAM_VERSION = '0.1.0'
