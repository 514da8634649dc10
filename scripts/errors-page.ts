// Writes docs/errors.md from the error table, so that the page and the table say the same.
// Not the table itself: that is packages/core/error-table.ts.
// Invariant: errors-page.test.ts compares the page and the table both ways.

import { writeFileSync } from 'node:fs'
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import { ERROR_TABLE } from '@evastream/core/error-table'

const HEAD = `# Errors

Every error has a stable code, a sentence, a culprit and a next step. HTTP replies carry them as
\`application/problem+json\` (RFC 9457) with \`code\` and \`nextStep\` beside the standard fields; the command line prints the
sentence and the next step and exits with 2 for usage, 1 for failure. \`{words}\` in braces are filled in from the case at hand.
*Retryable* means that the same call may succeed later without anybody changing anything.

This page is written by \`npm run docs:errors\` from \`packages/core/error-table.ts\`.

| code | HTTP | blames | retryable | message | next step |
|---|---|---|---|---|---|
`

export function renderErrorsPage(): string {
  const rows = Object.entries(ERROR_TABLE).map(
    ([code, row]) =>
      `| \`${code}\` | ${row.httpStatus} | ${row.blames} | ${row.retryable ? 'yes' : 'no'} | ${row.message} | ${row.nextStep} |\n`,
  )
  return HEAD + rows.join('')
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) writeFileSync(new URL('../docs/errors.md', import.meta.url), renderErrorsPage())
