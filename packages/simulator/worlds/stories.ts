// Worlds worth telling: what a swarm is for, and who can die without the music stopping, each under a name.
// Not drawn by chance (world-draw.ts). `npm run sim -- --story NAME` plays one; scenario.test.ts holds each to its promise.
// Invariant: a story is the same every time.

import { type PeerId, parsePeerId } from '@evastream/core/ids'
import { MINUTE_MS, SECOND_MS } from '@evastream/core/units'
import { type Scenario, scenario } from './scenario.ts'

export const STORY_CHUNK_COUNT = 40

const aStory = () => scenario().song({ chunkCount: STORY_CHUNK_COUNT })

function everyThird(rest: number): number[] {
  return Array.from({ length: STORY_CHUNK_COUNT }, (_, chunkId) => chunkId).filter(chunkId => chunkId % 3 === rest)
}

function firstPeers(count: number): PeerId[] {
  return Array.from({ length: count }, (_, index) => parsePeerId(`peer-${index + 1}`))
}

export const STORIES = Object.freeze({
  'four-join-one-after-another': () => aStory().peers(4, { everyMs: 20 * SECOND_MS }),
  'thirty-join-before-the-last-is-done': () => aStory().peers(30, { everyMs: 3 * SECOND_MS }),
  'eight-join-nearly-together': () => aStory().peers(8, { everyMs: SECOND_MS }),
  'alone-with-the-origin': () => aStory().peer('peer-1').everybodyIsDoneWithin(MINUTE_MS),
  'the-origin-is-dead-and-one-holds-everything': () => aStory().peer('seeder', { holds: 'everything' }).peers(5).originDies(),
  'the-origin-is-dead-and-three-hold-a-third-each': () =>
    aStory()
      .peer('peer-1', { holds: everyThird(0) })
      .peer('peer-2', { holds: everyThird(1) })
      .peer('peer-3', { holds: everyThird(2) })
      .originDies(),
  'the-only-holder-leaves-midway': () =>
    aStory()
      .peer('peer-1', { holds: 'everything', leavesAt: 5 * SECOND_MS })
      .peer('peer-2', { joinsAt: 2 * SECOND_MS }),
  'a-listener-beside-a-holder': () =>
    aStory()
      .peer('peer-1', { holds: 'everything' })
      .peer('peer-2', { interest: 'idle', joinsAt: SECOND_MS, listens: [{ startsAfterMs: SECOND_MS, fromBytes: 0 }] }),
  'a-liar-beside-an-honest-holder': () =>
    aStory().adversary('sends-bad-bytes').peer('peer-1', { holds: 'everything' }).peer('peer-2', { joinsAt: SECOND_MS }).originDies(),
  'a-lease-taker-stalls': () => aStory().adversary('is-ever-receiving', { takesLeases: true }).peers(6, { joinsAt: SECOND_MS }),
  'a-lease-taker-says-it-has-all': () => aStory().adversary('tarpit', { takesLeases: true }).peers(6, { joinsAt: SECOND_MS }),
  'a-lease-taker-relays-wrong-bytes': () => aStory().adversary('relays-bad-bytes', { takesLeases: true }).peers(6, { joinsAt: SECOND_MS }),
  'a-lease-taker-is-not-there': () => aStory().adversary('is-not-there', { takesLeases: true }).peers(6, { joinsAt: SECOND_MS }),
  'two-who-fetch-for-all-lose-power': () =>
    aStory()
      .peers(8)
      .fault({ kind: 'peers-killed', at: SECOND_MS, peerIds: firstPeers(8), count: 2, isSilent: true }),
  'the-tracker-forgets-amid-a-crowd': () => aStory().peers(8).fault({ kind: 'tracker-forgets', at: SECOND_MS }),
  'the-tracker-answers-a-second-late': () => aStory().peers(8).fault({ kind: 'tracker-slow', at: 0, until: MINUTE_MS, delayMs: SECOND_MS }),
} satisfies Readonly<Record<string, () => Scenario>>)

export type StoryName = keyof typeof STORIES

export function isStoryName(value: string): value is StoryName {
  return Object.hasOwn(STORIES, value)
}
