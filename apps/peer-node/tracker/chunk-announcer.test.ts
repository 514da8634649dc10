// The news for the tracker: gathered, sent in order, kept while it is down, and told anew after a registration.
// Not HTTP: the tracker is two functions of the test.
// Invariant: what the tracker ends up knowing is what the node holds.

import { EvaError } from '@evastream/core/errors'
import { type ChunkId, parseSongId, type SongId } from '@evastream/core/ids'
import { seededRandom } from '@evastream/core/random'
import { fakeClock } from '@evastream/testkit/fake-clock'
import { RecordedLog } from '@evastream/testkit/recorded-log'
import { describe, expect, it } from 'vitest'
import { ChunkAnnouncer } from './chunk-announcer.ts'

const [songA, songB] = [parseSongId('a'), parseSongId('b')]

class Stage {
  readonly clock = fakeClock(0)
  readonly log = new RecordedLog()
  readonly calls: string[] = []
  readonly known = new Map<string, Set<number>>()
  unknownCount = 0
  /** Thrown by the calls it returns something for. */
  faultFor: (songId: string) => EvaError | undefined = () => undefined
  readonly announcer = new ChunkAnnouncer({
    tracker: {
      notifyChunkAcquired: (songId, chunkIds) => this.#call('+', songId, chunkIds),
      notifyChunkReleased: (songId, chunkIds) => this.#call('-', songId, chunkIds),
    },
    timers: this.clock,
    random: seededRandom(1),
    log: this.log,
    peerUnknown: () => void this.unknownCount++,
  })

  /** @returns the calls that were made, each with what it took along. */
  async along(songId: SongId, call: (acquired: readonly ChunkId[]) => Promise<void> = async () => undefined): Promise<string[]> {
    const made: string[] = []
    await this.announcer.along(songId, async acquired => {
      made.push(`lease:${acquired.join(',')}`)
      await call(acquired)
    })
    return made
  }

  async pass(durationMs: number): Promise<void> {
    for (let passed = 0; passed < durationMs; passed += 50) {
      this.clock.advance(50)
      for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    }
  }

  held(songId: string): number[] {
    return [...(this.known.get(songId) ?? [])].sort((left, right) => left - right)
  }

  async #call(sign: '+' | '-', songId: string, chunkIds: readonly number[]): Promise<void> {
    this.calls.push(`${songId}${sign}${chunkIds.join(',')}`)
    const fault = this.faultFor(songId)
    if (fault !== undefined) throw fault
    const held = this.known.get(songId) ?? new Set()
    this.known.set(songId, held)
    for (const chunkId of chunkIds)
      if (sign === '+') held.add(chunkId)
      else held.delete(chunkId)
  }
}

describe('chunk announcer', () => {
  it('another call: takes what is new of the song along, once, and that needs no call of its own', async () => {
    const stage = new Stage()
    stage.announcer.acquired(songA, [1])
    expect(await stage.along(songA)).toEqual(['lease:'])
    stage.announcer.announceAgain([[songA, [2, 3]]])
    expect(await stage.along(songB)).toEqual(['lease:'])
    expect(await stage.along(songA)).toEqual(['lease:2,3'])
    expect(await stage.along(songA)).toEqual(['lease:'])
    await stage.pass(1000)
    expect(stage.calls).toEqual([])
  })

  it('another call, and something of the song was lost, or much is new: that is told by itself', async () => {
    const stage = new Stage()
    stage.announcer.announceAgain([[songB, Array.from({ length: 65 }, (_, chunkId) => chunkId)]])
    stage.announcer.released(songA, [2])
    stage.announcer.acquired(songA, [3])
    expect(await stage.along(songA)).toEqual(['lease:'])
    expect(await stage.along(songB)).toEqual(['lease:'])
    await stage.pass(450)
    expect([stage.held(songA), stage.held(songB).length]).toEqual([[3], 65])
  })

  it('another call that fails on its way: its news are told later, and what was lost meanwhile stays lost', async () => {
    const stage = new Stage()
    stage.announcer.announceAgain([[songA, [2, 3]]])
    const call = stage.along(songA, async () => {
      stage.announcer.released(songA, [3])
      await stage.pass(1000)
      throw new EvaError('EVA_SERVICE_TIMEOUT')
    })
    await expect(call).rejects.toMatchObject({ code: 'EVA_SERVICE_TIMEOUT' })
    expect(stage.calls).toEqual([])
    await stage.pass(450)
    expect(stage.calls).toEqual(['a-3', 'a+2'])
  })

  it('a tracker that takes no news along: gets the call without, and the news by themselves until the next registration', async () => {
    const stage = new Stage()
    stage.announcer.announceAgain([[songA, [2]]])
    const refused = async (acquired: readonly number[]) => {
      if (acquired.length > 0) throw new EvaError('EVA_REQUEST_INVALID', { details: { reason: '"acquired" is not known' } })
    }
    expect(await stage.along(songA, refused)).toEqual(['lease:2', 'lease:'])
    await stage.pass(450)
    expect(stage.calls).toEqual(['a+2'])
    stage.announcer.acquired(songA, [4])
    expect(await stage.along(songA)).toEqual(['lease:'])
    stage.announcer.announceAgain([[songA, [5]]])
    expect(await stage.along(songA)).toEqual(['lease:5'])
  })

  it('two other calls at once: each chunk goes with one of them', async () => {
    const stage = new Stage()
    stage.announcer.announceAgain([[songA, [2]]])
    const inner: string[][] = []
    const outer = stage.along(songA, async () => {
      stage.announcer.acquired(songA, [3])
      inner.push(await stage.along(songA))
    })
    expect([await outer, inner]).toEqual([['lease:2'], [['lease:']]])
    await stage.pass(450)
    expect(stage.calls).toEqual(['a+3'])
  })

  it('chunks stored in quick succession: are told in one call a song', async () => {
    const stage = new Stage()
    stage.announcer.announceAgain([])
    for (const chunkId of [3, 1, 2]) stage.announcer.acquired(songA, [chunkId])
    stage.announcer.acquired(songB, [0])
    expect(stage.clock.pendingCount).toBe(1)
    await stage.pass(400)
    expect(stage.calls).toEqual(['a+3,1,2', 'b+0'])
  })

  it('before the registration: nothing is sent; with it: everything that is held', async () => {
    const stage = new Stage()
    stage.announcer.acquired(songA, [0])
    await stage.pass(1000)
    expect(stage.calls).toEqual([])
    stage.announcer.announceAgain([
      [songA, [0, 1]],
      [songB, []],
    ])
    await stage.pass(400)
    expect(stage.calls).toEqual(['a+0,1'])
  })

  it('a chunk acquired, lost and acquired again before it is told: the last word counts', async () => {
    const stage = new Stage()
    stage.announcer.announceAgain([])
    stage.announcer.acquired(songA, [0, 1, 2])
    stage.announcer.released(songA, [1, 2])
    stage.announcer.acquired(songA, [2])
    await stage.pass(400)
    expect(stage.calls).toEqual(['a-1', 'a+0,2'])
  })

  it('a tracker that is down: news wait, and it is told all of them when it is back, the newest word of each', async () => {
    const stage = new Stage()
    stage.announcer.announceAgain([])
    stage.faultFor = () => new EvaError('EVA_SERVICE_UNREACHABLE')
    stage.announcer.acquired(songA, [0, 1])
    await stage.pass(5000)
    stage.announcer.acquired(songB, [5])
    stage.announcer.released(songA, [1])
    await stage.pass(5000)
    stage.faultFor = () => undefined
    await stage.pass(20_000)
    expect([stage.held('a'), stage.held('b')]).toEqual([[0], [5]])
    expect(stage.log.messages('warn')).toEqual([])
  })

  it('a tracker that is down, and other calls fail as well: that makes no pause shorter', async () => {
    const triesIn = async (isCalled: boolean) => {
      const stage = new Stage()
      const down = new EvaError('EVA_SERVICE_UNREACHABLE')
      stage.announcer.announceAgain([[songA, [0]]])
      stage.faultFor = () => down
      for (let passed = 0; passed < 60_000; passed += 500) {
        if (isCalled) await expect(stage.along(songA, () => Promise.reject(down))).rejects.toBe(down)
        await stage.pass(500)
      }
      stage.faultFor = () => undefined
      await stage.pass(20_000)
      expect(stage.held('a')).toEqual([0])
      return stage.calls.length
    }
    expect(await triesIn(true)).toBe(await triesIn(false))
  })

  it('a tracker that was down and takes the news along with another call: works again, and the next outage begins with a short pause', async () => {
    const stage = new Stage()
    stage.announcer.announceAgain([[songA, [0]]])
    stage.faultFor = () => new EvaError('EVA_SERVICE_UNREACHABLE')
    await stage.pass(60_000)
    expect(await stage.along(songA)).toEqual(['lease:0'])
    await stage.pass(20_000)
    const triesBefore = stage.calls.length
    stage.announcer.acquired(songA, [1])
    await stage.pass(1500)
    expect(stage.calls.length - triesBefore).toBeGreaterThan(1)
  })

  it('a tracker that was down takes the news along with another call: what comes next does not wait for the rest of the pause', async () => {
    const stage = new Stage()
    stage.announcer.announceAgain([[songA, [0]]])
    stage.faultFor = () => new EvaError('EVA_SERVICE_UNREACHABLE')
    while (stage.calls.length < 10) await stage.pass(50)
    stage.faultFor = () => undefined
    expect(await stage.along(songA)).toEqual(['lease:0'])
    stage.announcer.acquired(songA, [1])
    await stage.pass(450)
    expect(stage.held('a')).toContain(1)
  })

  it('a tracker that was down registers the node again: it is told everything without waiting for the rest of the pause', async () => {
    const stage = new Stage()
    stage.announcer.announceAgain([[songA, [0]]])
    stage.faultFor = () => new EvaError('EVA_SERVICE_UNREACHABLE')
    while (stage.calls.length < 10) await stage.pass(50)
    stage.faultFor = () => undefined
    stage.announcer.announceAgain([[songA, [0, 1]]])
    await stage.pass(450)
    expect(stage.held('a')).toEqual([0, 1])
  })

  it('nothing to send because it is under way with another call: tells nothing of the tracker', async () => {
    const stage = new Stage()
    stage.announcer.announceAgain([[songA, [0]]])
    stage.faultFor = () => new EvaError('EVA_SERVICE_UNREACHABLE')
    await stage.pass(500)
    stage.announcer.acquired(songA, [1])
    await expect(
      stage.along(songA, async () => {
        await stage.pass(2000)
        throw new EvaError('EVA_SERVICE_TIMEOUT')
      }),
    ).rejects.toMatchObject({ code: 'EVA_SERVICE_TIMEOUT' })
    expect(stage.log.messages('debug').filter(text => text.includes('works again'))).toEqual([])
  })

  it('a chunk lost while its announcement fails on the way: the newer word is the one that is told later', async () => {
    const stage = new Stage()
    stage.announcer.announceAgain([[songA, [0, 1]]])
    stage.faultFor = () => {
      stage.announcer.released(songA, [1])
      return new EvaError('EVA_SERVICE_TIMEOUT')
    }
    await stage.pass(400)
    stage.faultFor = () => undefined
    await stage.pass(20_000)
    expect([stage.calls.slice(1), stage.held('a')]).toEqual([['a-1', 'a+0'], [0]])
  })

  it('a tracker that has forgotten the peer: nothing more is sent until it is registered again, then everything', async () => {
    const stage = new Stage()
    stage.announcer.announceAgain([])
    stage.faultFor = () => new EvaError('EVA_PEER_UNKNOWN', { details: { peerId: 'p' } })
    stage.announcer.acquired(songA, [0])
    await stage.pass(30_000)
    expect([stage.calls.length, stage.unknownCount]).toEqual([1, 1])
    stage.faultFor = () => undefined
    stage.announcer.announceAgain([[songA, [0, 7]]])
    await stage.pass(20_000)
    expect(stage.held('a')).toEqual([0, 7])
  })

  it('a song that the tracker refuses: does not hold up the others, is told once, and tried again after a minute', async () => {
    const stage = new Stage()
    stage.announcer.announceAgain([])
    stage.faultFor = songId => (songId === 'a' ? new EvaError('EVA_SONG_NOT_FOUND', { details: { songId } }) : undefined)
    stage.announcer.acquired(songA, [0])
    stage.announcer.acquired(songB, [1])
    await stage.pass(30_000)
    expect(stage.calls).toEqual(['a+0', 'b+1'])
    expect(stage.log.messages('warn')).toHaveLength(1)
    stage.faultFor = () => undefined
    await stage.pass(40_000)
    expect(stage.held('a')).toEqual([0])
  })

  it('stopped: no timer stays and nothing is sent', async () => {
    const stage = new Stage()
    stage.announcer.announceAgain([[songA, [1]]])
    stage.announcer.stop()
    await stage.pass(1000)
    stage.announcer.acquired(songA, [2])
    expect([stage.calls, stage.clock.pendingCount]).toEqual([[], 0])
  })
})
