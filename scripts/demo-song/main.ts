// Regenerates assets/demo-song.mp3: compose, perform, mix, encode, tag, write. Nothing else in the project calls this.
// The committed file is what the demo plays; this script is its source code.
// Invariant: no clock and no ambient chance, so that the same seed gives the same file, byte for byte.

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { composeSong } from './composition.ts'
import { drawCover } from './cover.ts'
import { encodeMp3 } from './encode.ts'
import { mixDown } from './mixdown.ts'
import { walkFrames } from './mpeg-frames.ts'
import { perform } from './performance.ts'
import { tagMp3 } from './tags.ts'

/** Chosen by reading the melodies of the first eight. */
const seed = 3

const target = fileURLToPath(new URL('../../assets/demo-song.mp3', import.meta.url))
const mix = mixDown(perform(composeSong(seed), seed), seed)
const file = tagMp3(await encodeMp3(mix), drawCover(seed))
const { frameCount, durationSeconds } = walkFrames(file)

mkdirSync(dirname(target), { recursive: true })
writeFileSync(target, file)
process.stdout.write(`${target}: ${file.length} bytes, ${frameCount} frames, ${durationSeconds.toFixed(1)} s\n`)
