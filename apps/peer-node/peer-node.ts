// One listener's node: its parts started in order, stopped in order, and the few things that a program asks of it.
// Not behaviour: every part has a file of its own, and node-parts.ts joins them.
// Invariant: a start that fails leaves nothing running and no lock; a part that fails to stop does not keep the others from stopping.

import { EvaError, toEvaError } from '@evastream/core/errors'
import type { PeerId, SongId } from '@evastream/core/ids'
import type { Manifest } from '@evastream/core/manifest'
import { SECOND_MS } from '@evastream/core/units'
import type { PeerStatus } from '@evastream/protocol/peer-http'
import type { RunningService } from '@evastream/service-kit/run-service'
import type { PeerNodeConfig } from './config.ts'
import { exportSong } from './library/song-export.ts'
import { makeNodeParts, type NodeParts, type PeerNodeDeps } from './node-parts.ts'
import { findPageDirectory } from './page/page-directory.ts'
import { pageAbout } from './page/page-host.ts'
import { type PlayerServer, startPlayerServer } from './page/player-server.ts'
import { sharingStateOf } from './page/sharing-routes.ts'
import { openSwarmBoard } from './page/swarm-page.ts'
import { establishIdentity, type PeerIdentity } from './peer-identity.ts'
import { SharingChoice } from './sharing/sharing-choice.ts'
import { SHARING_NOTICE } from './sharing/sharing-mode.ts'
import { SharingSwitch } from './sharing/sharing-switch.ts'
import { PeerTokenFile } from './tracker/peer-token-file.ts'
import { TrackerSession } from './tracker/tracker-session.ts'

interface MadeNode {
  readonly identity: PeerIdentity
  readonly parts: NodeParts
  readonly config: PeerNodeConfig
  readonly choice: SharingChoice
}

type Stop = readonly [name: string, stop: () => Promise<void> | undefined]

const STATUS_INTERVAL_MS = SECOND_MS
/** Quick enough for a map to look alive. */
const SONG_INTERVAL_MS = SECOND_MS / 4

export class PeerNode implements RunningService {
  readonly service = 'peer'
  readonly #deps: PeerNodeDeps
  readonly #identity: PeerIdentity
  readonly #parts: NodeParts
  readonly #config: PeerNodeConfig
  #player: PlayerServer | undefined
  readonly #sharing: SharingSwitch
  #swarm: Awaited<ReturnType<typeof openSwarmBoard>> | undefined
  #isStopping = false

  private constructor(deps: PeerNodeDeps, made: MadeNode) {
    this.#deps = deps
    this.#identity = made.identity
    this.#parts = made.parts
    this.#config = made.config
    const tokens = new PeerTokenFile(made.identity)
    this.#sharing = new SharingSwitch({ ...made.parts, choice: made.choice, makeSession: () => this.#makeSession(tokens) })
  }

  /**
   * Resolves once the node serves, and is registered or goes on trying.
   * @throws EvaError `EVA_DIRECTORY_LOCKED`, `EVA_DIRECTORY_UNWRITABLE`, `EVA_PORT_TAKEN`, `EVA_PEER_ID_TAKEN`, …
   */
  static async start(deps: PeerNodeDeps, config: PeerNodeConfig): Promise<PeerNode> {
    const identity = await establishIdentity(config)
    const choice = await SharingChoice.open({ directory: identity.directory, setting: config.sharing })
    let renew = () => {}
    const parts = await makeNodeParts(deps, { config, identity, choice, peerUnknown: () => renew() })
    const node = new PeerNode(deps, { identity, parts, config, choice })
    renew = () => node.#sharing.renew()
    try {
      await node.#start()
      return node
    } catch (thrown) {
      await node.close()
      throw thrown
    }
  }

  get url(): string {
    return this.#player?.url ?? ''
  }

  get peerId(): PeerId {
    return this.#identity.peerId
  }

  status(): PeerStatus {
    const { ledger, uploads, network, library, cap, keeper, playback } = this.#parts
    const { uploadLimitBytesPerSecond, downloadLimitBytesPerSecond } = this.#config
    const { bufferMs } = playback
    const { originBytes, peerBytes, sentBytes, wastedBytes } = ledger.totals()
    return {
      peerId: this.peerId,
      uploadPort: uploads.port,
      httpPort: this.#player?.port ?? 0,
      sharing: this.#sharing.mode,
      peers: { downloadingFrom: network.connectionCount, uploadingTo: uploads.snapshot().connectionCount },
      limits: { uploadBytesPerSecond: uploadLimitBytesPerSecond, downloadBytesPerSecond: downloadLimitBytesPerSecond },
      ...(cap === undefined ? {} : { uploadCap: cap.status() }),
      cache: keeper.status(),
      playing: {
        songIds: [...playback.playingSongIds],
        ...(bufferMs === undefined ? {} : { bufferMs: Math.max(0, Math.round(bufferMs)) }),
      },
      songs: library.list(),
      received: { originBytes, peerBytes },
      sentBytes,
      wastedBytes,
    }
  }

  /** Makes the song known here without fetching it. @throws EvaError `EVA_SONG_NOT_FOUND`, `EVA_SERVICE_UNREACHABLE`, … */
  openSong(songId: SongId): Promise<Manifest> {
    return this.#parts.library.openSong(songId)
  }

  /** Fetches the whole song and keeps it whole. @throws as `openSong` */
  download(songId: SongId): Promise<void> {
    return this.#parts.library.download(songId)
  }

  /** Resolves when every chunk of the song is here. @throws EvaError `EVA_CANCELLED`, or as `openSong` */
  whenComplete(songId: SongId, signal: AbortSignal): Promise<void> {
    return this.#parts.library.whenComplete(songId, signal)
  }

  /** Writes a complete song into a file, bit for bit or not at all. @throws EvaError `EVA_SONG_INCOMPLETE`, `EVA_STORAGE_FULL`, … */
  async exportSong(songId: SongId, path: string): Promise<void> {
    const { library, store } = this.#parts
    const manifest = await library.openSong(songId)
    if (library.statusOf(songId)?.complete !== true) throw new EvaError('EVA_SONG_INCOMPLETE', { details: { songId } })
    await exportSong(store, manifest, path)
  }

  async close(): Promise<void> {
    if (this.#isStopping) return
    this.#isStopping = true
    const { announcer, scout, cap, clients, coordinator, keeper, library, network, recent, store, uploads } = this.#parts
    announcer.stop()
    scout.stop()
    await this.#stopAll([
      ['player server', () => this.#player?.close()],
      ['swarm board', () => this.#swarm?.close()],
      ['tracker session', () => this.#sharing.stop()],
      ['downloads', () => coordinator.stop()],
      ['metadata client', () => clients.metadata.close()],
      ['library client', () => clients.catalog.close()],
      ['cover client', () => clients.covers.close()],
      ['song library', () => library.close()],
      ['cache', () => keeper.close()],
    ])
    await this.#stopAll([
      ['upload server', () => uploads.stop()],
      ['peer network', () => network.close()],
    ])
    await this.#stopAll([['upload cap', async () => cap?.close()]])
    await this.#stopAll([
      ['chunk store', () => store.close()],
      ['order of use', () => recent.close()],
      ['tracker client', () => clients.tracker.close()],
      ['origin client', () => clients.origin.close()],
    ])
  }

  async #start(): Promise<void> {
    const { logger } = this.#deps
    const config = this.#config
    const { uploads, library, keeper } = this.#parts
    await this.#sharing.listen()
    this.#player = await this.#startPlayer()
    const { peerId, directory } = this.#identity
    const { mode } = this.#sharing
    // Without a token no tracker has ever listed this peer.
    const isFirstTime = mode === 'on' && (await new PeerTokenFile({ directory }).read()) === undefined
    void library.resume().then(() => keeper.begin())
    await this.#sharing.join()
    // Not before: a start that fails has one thing to say.
    if (isFirstTime) logger.info({ tracker: config.trackerUrl }, SHARING_NOTICE)
    logger.info({ peerId, uploadPort: uploads.port, sharing: mode, directory }, 'the peer is up')
    for (const songId of config.songIds) library.seed(songId)
  }

  async #startPlayer(): Promise<PlayerServer> {
    const { topics, maps } = this.#parts
    const { host = {} } = this.#deps
    const { peerId, directory } = this.#identity
    const { pricePerGb } = pageAbout(peerId, host)
    const swarm = await openSwarmBoard(
      { ...this.#deps, ...this.#parts, sharing: this.#sharing },
      { config: this.#config, peerId, directory, pricePerGb, host: host.swarm },
    )
    this.#swarm = swarm
    topics.add({ name: 'swarm', intervalMs: SECOND_MS, read: () => [swarm.board.latest()] })
    topics.add({ name: 'status', intervalMs: STATUS_INTERVAL_MS, read: () => [summaryOf(this.status())] })
    topics.add({
      name: 'sharing',
      intervalMs: STATUS_INTERVAL_MS,
      read: () => [sharingStateOf({ ...this.#parts, sharing: this.#sharing })],
    })
    topics.add({ name: 'song', intervalMs: SONG_INTERVAL_MS, read: ({ songIds }) => songIds.flatMap(songId => maps.mapOf(songId) ?? []) })
    return startPlayerServer(
      {
        ...this.#deps,
        ...this.#parts,
        sharing: this.#sharing,
        swarm,
        isReady: () => (this.#isStopping ? 'it is shutting down' : undefined),
        status: () => this.status(),
        about: () => pageAbout(this.peerId, host),
        pageDirectory: findPageDirectory(),
        host,
      },
      this.#config,
    )
  }

  #makeSession(tokens: PeerTokenFile): TrackerSession {
    const { clock, timers, random, logger: log } = this.#deps
    const { announcer, clients, holdings, ledger, scope, uplink, uploads } = this.#parts
    return new TrackerSession(
      {
        tracker: clients.tracker,
        tokens,
        timers,
        random: random.fork(),
        log,
        stats: () => {
          const { originBytes, peerBytes, sentBytes, overrides } = ledger.totals()
          const rate = uplink.rateBytesPerSecond(clock.now())
          return { originBytes, peerBytes, sentBytes, overrides, ...(rate !== undefined && { uplinkBytesPerSecond: Math.round(rate) }) }
        },
        registered: () => {
          void scope.refresh()
          holdings.announceAgain()
        },
        forgotten: () => announcer.hold(),
      },
      { peerId: this.peerId, port: uploads.port },
    )
  }

  async #stopAll(stops: readonly Stop[]): Promise<void> {
    await Promise.all(
      stops.map(async ([part, stop]) => {
        try {
          await stop()
        } catch (thrown) {
          const { code, message } = toEvaError(thrown)
          this.#deps.logger.error({ part, code, err: thrown }, `The ${part} did not stop cleanly: ${message}`)
        }
      }),
    )
  }
}

/** Without the songs, of which there may be thousands. */
function summaryOf({ songs, ...summary }: PeerStatus): Omit<PeerStatus, 'songs'> & { readonly songCount: number } {
  return { ...summary, songCount: songs.length }
}
