// Where a peer serves a song to players: the path under its own loopback address, with an extension for players that go by it.
// Not the route, and not what people may type instead (`/stream/song-1.mp3`), where an id and an extension can be mistaken.
// Invariant: the path is plain ASCII without a space, whatever the id and the type; what stands behind `/stream/` alone names the song.

const EXTENSIONS: ReadonlyMap<string, string> = new Map([
  ['audio/mpeg', 'mp3'],
  ['audio/mp3', 'mp3'],
  ['audio/flac', 'flac'],
  ['audio/x-flac', 'flac'],
  ['audio/ogg', 'ogg'],
  ['application/ogg', 'ogg'],
  ['audio/vorbis', 'ogg'],
  ['audio/opus', 'opus'],
  ['audio/mp4', 'm4a'],
  ['audio/m4a', 'm4a'],
  ['audio/x-m4a', 'm4a'],
  ['audio/aac', 'aac'],
  ['audio/wav', 'wav'],
  ['audio/wave', 'wav'],
  ['audio/x-wav', 'wav'],
  ['audio/vnd.wave', 'wav'],
])

interface StreamedSong {
  readonly songId: string
  readonly mimeType?: string | undefined
}

/** `/stream/song-1/song-1.mp3`: what is saved from there has a fitting name. Without an extension when the type is not known. */
export function streamPathOf({ songId, mimeType }: StreamedSong): string {
  const extension = extensionOf(mimeType)
  const fileName = extension === undefined ? songId : `${songId}.${extension}`
  return `/stream/${encodeURIComponent(songId)}/${encodeURIComponent(fileName)}`
}

/** Without its dot; undefined for a type that has none here. */
function extensionOf(mimeType: string | undefined): string | undefined {
  const [type = '', parameters = ''] = (mimeType ?? '').toLowerCase().split(';', 2)
  const extension = EXTENSIONS.get(type.trim())
  return extension === 'ogg' && parameters.includes('opus') ? 'opus' : extension
}
