import { readFileSync } from 'node:fs'
import { ERROR_TABLE } from '@evastream/core/error-table'
import { describe, expect, test } from 'vitest'

const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')
const rows = new Map(
  [...page.matchAll(/^\| `(EVA_\w+)` \| (\d+) \| (\w+) \| (yes|no) \| (.+) \| (.+) \|$/gm)].map(match => [match[1], match]),
)

describe('docs/errors.md', () => {
  test.each(Object.entries(ERROR_TABLE))('%s: the page says what the table says', (code, row) => {
    const [, , status, blames, retryable, message, nextStep] = rows.get(code) ?? []
    expect({ status: Number(status), blames, retryable, message, nextStep }).toEqual({
      status: row.httpStatus,
      blames: row.blames,
      retryable: row.retryable ? 'yes' : 'no',
      message: row.message,
      nextStep: row.nextStep,
    })
  })

  test('the page lists no code that the table lacks', () => {
    expect([...rows.keys()].filter(code => !Object.hasOwn(ERROR_TABLE, code ?? ''))).toEqual([])
  })
})
