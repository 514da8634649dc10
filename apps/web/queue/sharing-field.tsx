// The switch itself: three ways to share, each with what others see then.
// Not the turning (sharing-watch.ts).
// Invariant: what others see is said in full beside the choice, before and after it is made.

import type { SharingState } from '@evastream/protocol/sharing-http'
import { useId } from 'preact/hooks'
import type { SharingWatch } from './sharing-watch.ts'

const WAYS = [
  ['on', 'On', 'You give other listeners what you have of a song.'],
  ['receive-only', 'Receive only', 'You take from other listeners and give nothing. Those you take from see your address and the song.'],
  ['off', 'Off', 'You speak to no other listener and no tracker. Everything comes from the server.'],
] as const satisfies readonly (readonly [SharingState['mode'], string, string])[]

export function SharingField({ watch }: { readonly watch: SharingWatch }) {
  const name = useId()
  const { state, trouble, turn } = watch
  const [, , text] = WAYS.find(([mode]) => mode === state.mode) ?? WAYS[0]
  return (
    <div class="sharing">
      <fieldset class="choice">
        <legend class="only-read-out">Sharing</legend>
        {WAYS.map(([mode, word]) => (
          <label key={mode}>
            <input type="radio" name={name} checked={state.mode === mode} onChange={() => turn(mode)} />
            <span>{word}</span>
          </label>
        ))}
      </fieldset>
      <p>{text}</p>
      {state.mode === 'on' && <SeenByOthers seen={state.seen} />}
      {state.isSet && <p>This holds until your peer starts again: it was started with a setting for this.</p>}
      <p role="status" class={trouble === undefined ? 'only-read-out' : 'is-trouble'}>
        {trouble}
      </p>
    </div>
  )
}

function SeenByOthers({ seen }: { readonly seen: SharingState['seen'] }) {
  const { host, port, songCount, songs } = seen
  return (
    <>
      <p>
        Others can see your address, <b>{host === null ? 'once the tracker knows you' : host}</b>, port <b>{port}</b>, and the id of each
        song you have, with which of its chunks: <b>{songCount === 0 ? 'none yet' : songCount === 1 ? '1 song' : `${songCount} songs`}</b>.
      </p>
      {songCount > 0 && (
        <details>
          <summary>These songs</summary>
          <ul class="sharing-songs">
            {songs.map(({ songId, chunksHeld, chunkCount }) => (
              <li key={songId}>
                <code>{songId}</code>: {chunksHeld} of {chunkCount} chunks
              </li>
            ))}
            {songs.length < songCount && <li>and {songCount - songs.length} more</li>}
          </ul>
        </details>
      )}
    </>
  )
}
