// The bytes on the wire against docs/protocol.md and docs/protocol-vectors.json, both ways.
import { readFileSync } from 'node:fs'
import { EvaError } from '@evastream/core/errors'
import { describe, expect, it } from 'vitest'
import { PeerFrameReader } from './peer-frame-reader.ts'
import { FRAME_TYPES } from './peer-frame-rules.ts'
import { encodeDataHead, encodeFrame } from './peer-frame-writer.ts'
import * as words from './peer-frames.ts'

interface Vector {
  readonly name: string
  readonly sender: words.PeerRole
  readonly opening: boolean
  readonly hex: string
}

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
const vectors: {
  version: number
  valid: (Vector & { frame: Record<string, unknown> & { kind: string } })[]
  invalid: (Vector & { reason: string })[]
} = JSON.parse(read('protocol-vectors.json'))
const manual = read('protocol.md')

const openings: Record<words.PeerRole, string> = {
  dialer: '0100000000000000000000000000000c455641530003000040000000',
  listener: '0200000000000000000000000000000d455641530003001000400001 61'.replace(' ', ''),
}

/** What a reader tells of these bytes, in the spelling of the vectors. */
function decode(vector: Vector): unknown[] {
  const told: unknown[] = []
  let audio = ''
  const reader = new PeerFrameReader(
    {
      frameRead: frame => told.push('bits' in frame ? { ...frame, bits: hex(frame.bits) } : frame),
      dataStarted: head => told.push({ kind: 'data', ...head }),
      dataRead: bytes => {
        audio += hex(bytes)
      },
      dataEnded: () => told.push({ ...(told.pop() as object), audio }),
    },
    { sender: vector.sender },
  )
  if (!vector.opening) reader.push(unhex(openings[vector.sender]))
  told.length = 0
  reader.push(unhex(vector.hex))
  return told
}

describe('docs/protocol-vectors.json', () => {
  for (const vector of vectors.valid) {
    it(`vector: ${vector.name}: is read as it says`, () => expect(decode(vector)).toEqual([vector.frame]))

    if (vector.frame.kind === 'foreign-hello') continue
    it(`vector: ${vector.name}: is written byte for byte`, () => expect(encode(vector.frame)).toBe(vector.hex))
  }

  for (const vector of vectors.invalid) {
    it(`vector: ${vector.name}: is refused`, () => {
      let thrown: unknown
      try {
        decode(vector)
      } catch (error) {
        thrown = error
      }
      expect(thrown).toBeInstanceOf(EvaError)
      expect(thrown).toMatchObject({ code: 'EVA_PEER_PROTOCOL', details: { reason: vector.reason } })
    })
  }

  it('vectors: every type of frame and every code of refusal: has one', () => {
    expect(vectors.version).toBe(words.PROTOCOL_VERSION)
    const kinds = new Set(vectors.valid.map(vector => vector.frame.kind))
    for (const name of Object.keys(FRAME_TYPES)) expect(kinds, name).toContain(name)
    const codes = new Set(vectors.valid.map(vector => vector.frame.code))
    for (const code of Object.keys(words.REJECT_CODES)) expect(codes, code).toContain(code)
  })
})

describe('docs/protocol.md', () => {
  it('manual: the table of frames: is the one in the code', () => {
    const rows = [...manual.matchAll(/^\|\s*`0x([0-9a-f]{2})`\s*\|\s*([A-Z_]+)\s*\|/gm)].map(([, type, name]) => [
      (name as string).toLowerCase().replace('_', '-'),
      Number.parseInt(type as string, 16),
    ])
    expect(Object.fromEntries(rows)).toEqual({ ...FRAME_TYPES })
  })

  it('manual: the table of refusals: is the one in the code', () => {
    const rows = [...manual.matchAll(/^\|\s*(\d+)\s*\|\s*([a-z-]+)\s*\|/gm)].map(([, number, code]) => [code, Number(number)])
    expect(Object.fromEntries(rows)).toEqual({ ...words.REJECT_CODES })
  })

  it('manual: the table of limits: is the one in the code', () => {
    const rows = [...manual.matchAll(/^\|\s*`([A-Z_]+)`\s*\|\s*(\d+)\s*\|/gm)].map(([, name, value]) => [name, Number(value)])
    const limits = Object.entries(words).filter(([, value]) => typeof value === 'number')
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(limits))
  })
})

function encode(frame: Record<string, unknown>): string {
  if (frame.kind === 'data') return hex(encodeDataHead(frame as unknown as words.DataHead)) + frame.audio
  return hex(encodeFrame({ ...frame, ...(frame.kind === 'bitfield' && { bits: unhex(String(frame.bits)) }) } as unknown as words.PeerFrame))
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function unhex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'))
}
