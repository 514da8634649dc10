// Draws the demo while it runs: on a terminal a bar for each peer that fills from the origin and from peers, else one line an act.
// Not a source of figures: it draws the samples it is shown.
// Invariant: it writes to stderr only, and every state can be read without colour.

import { styleText } from 'node:util'
import { MultiBar, type SingleBar } from 'cli-progress'
import { byteText } from '../byte-text.ts'
import type { Stage } from './demo-story.ts'
import type { PeerSample } from './peer-watch.ts'

const BAR_WIDTH = 32
const ORIGIN_GLYPH = '█'
const PEER_GLYPH = '▒'
const EMPTY_GLYPH = '·'
const CLEAR_TO_LINE_END = '\u001b[K'

export interface DemoStage extends Stage {
  show(samples: readonly PeerSample[]): void
  close(): void
}

export interface DemoStageOptions {
  readonly stream: NodeJS.WriteStream
  readonly songBytes: number
}

export function openStage(options: DemoStageOptions): DemoStage {
  return options.stream.isTTY ? new LiveStage(options) : new PlainStage(options)
}

/** `████▒▒▒▒····`: what came from the origin, what from peers, what is missing. */
export function peerBar({ originBytes, peerBytes }: Pick<PeerSample, 'originBytes' | 'peerBytes'>, songBytes: number): string {
  const here = Math.min(BAR_WIDTH, Math.floor(((originBytes + peerBytes) / songBytes) * BAR_WIDTH))
  const fromOrigin = originBytes + peerBytes === 0 ? 0 : Math.round((originBytes / (originBytes + peerBytes)) * here)
  return ORIGIN_GLYPH.repeat(fromOrigin) + PEER_GLYPH.repeat(here - fromOrigin) + EMPTY_GLYPH.repeat(BAR_WIDTH - here)
}

function peerLine(sample: PeerSample, songBytes: number): string {
  const { peerId, chunksHeld, chunkCount, originBytes, peerBytes, sentBytes, isGone } = sample
  const chunks = `${String(chunksHeld).padStart(String(chunkCount).length)}/${chunkCount} chunks`
  const [from, peers, given] = [originBytes, peerBytes, sentBytes].map(bytes => byteText(bytes).padStart(8))
  return `  ${peerId.padEnd(8)} ${peerBar(sample, songBytes)} ${chunks}  origin ${from}  peers ${peers}  given ${given}${isGone ? '  gone' : ''}`
}

class LiveStage implements DemoStage {
  readonly #songBytes: number
  readonly #bars = new Map<string, SingleBar>()
  readonly #multiBar: MultiBar

  constructor({ stream, songBytes }: DemoStageOptions) {
    this.#songBytes = songBytes
    this.#multiBar = new MultiBar({
      stream,
      hideCursor: true,
      clearOnComplete: false,
      format: (_options, _parameters, payload: { readonly line: string }) => payload.line,
    })
  }

  act(title: string): void {
    this.#log('', styleText('bold', title, { validateStream: false }))
  }

  note(text: string): void {
    this.#log(`  ${text}`)
  }

  /** Above the bars: the bar library writes log lines over old bars without clearing the rest of the line. */
  #log(...lines: readonly string[]): void {
    this.#multiBar.log(lines.map(line => `${line}${CLEAR_TO_LINE_END}\n`).join(''))
  }

  show(samples: readonly PeerSample[]): void {
    for (const sample of samples) {
      const line = coloured(peerLine(sample, this.#songBytes))
      const bar = this.#bars.get(sample.peerId)
      if (bar === undefined) this.#bars.set(sample.peerId, this.#multiBar.create(this.#songBytes, 0, { line }))
      else bar.update(sample.originBytes + sample.peerBytes, { line })
    }
  }

  close(): void {
    this.#multiBar.stop()
  }
}

class PlainStage implements DemoStage {
  readonly #stream: NodeJS.WriteStream
  readonly #songBytes: number
  readonly #whole = new Set<string>()

  constructor({ stream, songBytes }: DemoStageOptions) {
    this.#stream = stream
    this.#songBytes = songBytes
  }

  act(title: string): void {
    this.#stream.write(`\n${title}\n`)
  }

  note(text: string): void {
    this.#stream.write(`  ${text}\n`)
  }

  show(samples: readonly PeerSample[]): void {
    for (const sample of samples) {
      if (!sample.isComplete || this.#whole.has(sample.peerId)) continue
      this.#whole.add(sample.peerId)
      this.#stream.write(`${peerLine(sample, this.#songBytes)}\n`)
    }
  }

  close(): void {
    this.#stream.write('\n')
  }
}

function coloured(line: string): string {
  return line
    .replace(/█+/, bar => styleText('yellow', bar, { validateStream: false }))
    .replace(/▒+/, bar => styleText('green', bar, { validateStream: false }))
    .replace(/·+/, bar => styleText('dim', bar, { validateStream: false }))
}
