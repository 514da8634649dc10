// Checks that the bar comes and goes at the right moments.

import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { PublishTalk } from './publish-talk.ts'

function talkOn(isTerminal: boolean, isQuiet = false): { talk: PublishTalk; text: () => string } {
  const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
  return { talk: new PublishTalk({ stderr }, { isTerminal, isQuiet }), text: () => String(stderr.read() ?? '') }
}

const SHOW_CURSOR = '\u001b[?25h'

describe('the talk of a publication', () => {
  it('talk: once the files are in place: takes the bar away and gives the cursor back', () => {
    const { talk, text } = talkOn(true)
    talk.progressed(50, 100)
    expect(text()).toContain('cutting and hashing')
    talk.reached('placed')
    expect(text()).toContain(SHOW_CURSOR)
    talk.end()
    expect(text()).toBe('')
  })

  it('talk: a note while the bar is drawn: stands on a line of its own', () => {
    const { talk, text } = talkOn(true)
    talk.progressed(50, 100)
    text()
    talk.noted('something')
    const written = text()
    expect(written.indexOf(SHOW_CURSOR)).toBeLessThan(written.indexOf('note: something\n'))
    expect(written).toContain(SHOW_CURSOR)
  })

  it('talk: without a terminal: draws nothing and speaks in lines', () => {
    const { talk, text } = talkOn(false)
    talk.progressed(50, 100)
    talk.noted('something')
    talk.reached('placed')
    talk.end()
    expect(text()).toBe('note: something\n')
  })
})
