// Reads the whole tree, applies the law and prints what breaks it; exit code 1 if anything does.
// Not the law itself: that is tidy/laws.ts.

import { LAWS } from './tidy/laws.ts'
import { readSourceTree } from './tidy/source-tree.ts'

const tree = readSourceTree(process.cwd())
const findings = LAWS.flatMap(law => law(tree))
for (const { path, line, message } of findings) process.stdout.write(`${path}:${line} ${message}\n`)
process.stdout.write(`tidy: ${tree.size} files, ${findings.length} findings\n`)
process.exitCode = findings.length === 0 ? 0 : 1
