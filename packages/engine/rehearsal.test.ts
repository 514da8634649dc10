import { expect, test } from 'vitest'
import { rehearse } from './rehearsal.ts'

test('rehearsal: goes the whole way of a play: leases, the origin, peers, and chunks that are completed', () => {
  const decided = rehearse()
  const kinds = new Set(decided.map(({ kind }) => kind))
  expect(kinds).toContain('request-origin-leases')
  expect(decided.some(command => command.kind === 'request-blocks' && command.permit === 'leased')).toBe(true)
  const asked = decided.filter(({ kind }) => kind === 'request-blocks')
  expect(new Set(asked.map(command => ('source' in command ? command.source.kind : '')))).toEqual(new Set(['origin', 'peer']))
  expect(new Set(asked.map(command => ('priority' in command ? command.priority : '')))).toEqual(new Set(['play', 'prefetch']))
  expect(decided.filter(({ kind }) => kind === 'complete-chunk')).not.toHaveLength(0)
})
