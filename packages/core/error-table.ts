// The table of everything that can go wrong: its code, sentence, next step, culprit and HTTP status.
// Not the error that is thrown (errors.ts), nor a place for outcomes that are expected: those are returned as unions.
// Invariant: a code, once shipped, keeps its meaning; docs/errors.md lists exactly these codes (a test compares both ways).

/** Who made it go wrong: ban, retry and HTTP decisions read this field, never the name of a code. */
export type Culprit = 'caller' | 'peer' | 'origin' | 'service' | 'self'

export interface ErrorRow {
  /** One clear sentence; `{name}` is replaced from the error's details. */
  readonly message: string
  /** What the reader can do about it. */
  readonly nextStep: string
  readonly httpStatus: number
  readonly blames: Culprit
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean
}

function row(blames: Culprit, httpStatus: number, retryable: boolean, message: string, nextStep: string): ErrorRow {
  return Object.freeze({ message, nextStep, httpStatus, blames, retryable })
}

export const ERROR_TABLE = Object.freeze({
  // What a caller sent.
  EVA_SONG_ID_INVALID: row(
    'caller',
    400,
    false,
    'The song id "{value}" is not allowed.',
    'Use 1 to 128 letters, digits, dots, underscores and hyphens, beginning with a letter or digit.',
  ),
  EVA_PEER_ID_INVALID: row(
    'caller',
    400,
    false,
    'The peer id "{value}" is not allowed.',
    'Use 1 to 128 letters, digits, dots, underscores and hyphens, beginning with a letter or digit.',
  ),
  EVA_REQUEST_INVALID: row(
    'caller',
    400,
    false,
    'The request is not valid: {reason}.',
    "Compare it with the service's /docs page and send it again.",
  ),
  EVA_REQUEST_TOO_LARGE: row(
    'caller',
    413,
    false,
    'The request body is larger than the {limitBytes} bytes allowed.',
    'Send a smaller body; a song may have larger chunks, and so fewer hashes.',
  ),
  EVA_MEDIA_TYPE_UNSUPPORTED: row(
    'caller',
    415,
    false,
    'The content type "{value}" is not understood.',
    'Send JSON with "content-type: application/json".',
  ),
  EVA_ROUTE_NOT_FOUND: row('caller', 404, false, 'There is nothing at {method} {path}.', "The service's /docs page lists what there is."),
  EVA_PAGE_NOT_BUILT: row('self', 404, false, 'The page was not built.', 'Run "npm run build" in the repository, then start again.'),
  EVA_METHOD_NOT_ALLOWED: row('caller', 405, false, 'The method {method} is not allowed at {path}.', 'Use one of: {allowed}.'),
  EVA_TOKEN_REQUIRED: row('caller', 401, false, 'This call needs a token and none was sent.', 'Send "authorization: Bearer <token>".'),
  EVA_TOKEN_REJECTED: row(
    'caller',
    403,
    false,
    'The token that was sent is not the right one.',
    "Check it: an operator's is in the metadata service's data directory, a peer's came with its registration.",
  ),
  EVA_ORIGIN_FORBIDDEN: row(
    'caller',
    403,
    false,
    'Requests from {value} may not drive this peer.',
    "Open the page from the peer's own loopback address.",
  ),
  EVA_MANIFEST_INVALID: row(
    'caller',
    422,
    false,
    'The field "{field}" does not fit: {reason}.',
    'Correct the field, or publish with the preprocessor, which computes it.',
  ),
  EVA_SONG_CONFLICT: row(
    'caller',
    409,
    false,
    'The song "{songId}" exists with other content.',
    'Publish changed audio under a new id; a title or other description is changed with PATCH /metadata/{songId}.',
  ),
  EVA_SONG_NOT_FOUND: row(
    'caller',
    404,
    false,
    'There is no song "{songId}".',
    'List the songs with GET /metadata, or publish it with "evastream preprocess".',
  ),
  EVA_NO_BLOCKS: row(
    'caller',
    404,
    false,
    'The song "{songId}" was published without block hashes.',
    'Use its chunk hashes, or publish it again under a new id with the preprocessor.',
  ),
  EVA_CHUNK_ID_INVALID: row(
    'caller',
    400,
    false,
    'The chunk id "{value}" is not a whole number from 0.',
    'Ask for a chunk from 0 to chunkCount - 1.',
  ),
  EVA_CHUNK_NOT_FOUND: row(
    'caller',
    404,
    false,
    'The song "{songId}" has no chunk {chunkId} here.',
    'Ask for a chunk from 0 to chunkCount - 1 of a published song.',
  ),
  EVA_CHUNK_OUT_OF_RANGE: row(
    'caller',
    422,
    false,
    'The song "{songId}" has {chunkCount} chunks, so none with the id {chunkId}.',
    'Announce chunks from 0 to chunkCount - 1.',
  ),
  EVA_COVER_NOT_FOUND: row(
    'caller',
    404,
    false,
    'The song "{songId}" has no cover here.',
    'Show none; a cover is published when the audio file carries one.',
  ),
  EVA_RANGE_NOT_SATISFIABLE: row(
    'caller',
    416,
    false,
    'The range asked for lies outside the {sizeBytes} bytes there are.',
    'Ask for a range inside the file.',
  ),
  EVA_SONG_INCOMPLETE: row(
    'caller',
    409,
    true,
    'The song "{songId}" is not complete here yet.',
    'Start its download with POST /api/songs/{songId}/download and wait until it is complete.',
  ),
  EVA_PEER_UNKNOWN: row('caller', 404, true, 'The peer "{peerId}" is not registered.', 'Register again, then announce the chunks held.'),
  EVA_PEER_ID_TAKEN: row(
    'caller',
    409,
    true,
    'A living peer is registered as "{peerId}".',
    'Choose another --peer.id, or start with the data directory that holds its token.',
  ),
  EVA_HOST_NOT_ALLOWED: row(
    'caller',
    422,
    false,
    'The host "{host}" may not be claimed.',
    'Leave out "host": the tracker lists the address that it sees.',
  ),
  EVA_LIMIT_REACHED: row('caller', 429, true, 'The limit of {limit} {what} is reached.', 'Wait as long as Retry-After says.'),

  // What a user typed, or the machine it was typed on.
  EVA_USAGE: row('caller', 400, false, '{reason}', 'See "evastream help".'),
  EVA_CONFIG_INVALID: row(
    'caller',
    400,
    false,
    'The setting {key} is not valid: {reason}.',
    'Correct it; "evastream config" shows every value and where it came from.',
  ),
  EVA_PORT_TAKEN: row(
    'caller',
    500,
    false,
    'Port {port} is taken{holder}.',
    'Stop what holds it, or choose another with {flag} (0 picks a free one).',
  ),
  EVA_HOST_UNAVAILABLE: row('caller', 500, false, 'This machine has no address "{host}".', 'Choose another with {flag}.'),
  EVA_PORT_FORBIDDEN: row(
    'caller',
    500,
    false,
    'Port {port} needs rights that this process lacks.',
    'Choose a port above 1023 with {flag}.',
  ),
  EVA_INPUT_MISSING: row('caller', 400, false, 'The input file {path} does not exist.', 'Check the path given with --input.'),
  EVA_INPUT_NOT_A_FILE: row('caller', 400, false, 'The input {path} is not a file.', 'Give one audio file.'),
  EVA_INPUT_EMPTY: row('caller', 400, false, 'The input file {path} is empty.', 'Give a file that holds audio.'),
  EVA_INPUT_UNREADABLE: row('caller', 400, false, 'The input file {path} cannot be read ({reason}).', 'Check its permissions.'),
  EVA_INPUT_NOT_AUDIO: row(
    'caller',
    422,
    false,
    'The file {path} holds no audio that is understood.',
    'Check that it plays; MP3, FLAC, Ogg, Opus, M4A, AAC and WAV are understood.',
  ),
  EVA_INPUT_CHANGED: row(
    'caller',
    409,
    true,
    'The input file {path} changed while it was read.',
    'Wait until it is settled and run again.',
  ),
  EVA_FOLDER_MISSING: row(
    'caller',
    400,
    false,
    'There is no folder {path}.',
    'Check its name, or mount the volume it is on; then start again: evastream serve FOLDER.',
  ),
  EVA_FOLDER_UNREADABLE: row(
    'caller',
    400,
    false,
    'The folder {path} cannot be read ({reason}).',
    'Give the user that runs this the right to read it.',
  ),
  EVA_DIRECTORY_UNWRITABLE: row(
    'caller',
    500,
    false,
    'The directory {path} cannot be written ({reason}).',
    'Check its permissions, or choose another with {flag}.',
  ),
  EVA_DIRECTORY_UNREADABLE: row(
    'caller',
    500,
    false,
    'The directory {path} cannot be read ({reason}).',
    'Check its permissions, or choose another with {flag}.',
  ),
  EVA_DIRECTORY_LOCKED: row(
    'caller',
    500,
    false,
    'The directory {path} is in use by another process{holder}.',
    'Stop that process, or choose another directory with {flag}.',
  ),
  EVA_TOKEN_MISSING: row(
    'caller',
    400,
    false,
    'No operator token was found.',
    'Give it with --token, --token-file or EVASTREAM_ADMIN_TOKEN; the metadata service makes one at its first start.',
  ),
  EVA_DEMO_FAILED: row(
    'self',
    500,
    false,
    'The demo could not go on: {reason}.',
    'Run it again with --keep, and look into the logs of the directory that it names.',
  ),
  EVA_DEMO_BUSY: row('caller', 409, true, 'The demo cannot do that now: {reason}.', 'Press again when the page says that it can.'),
  EVA_CHUNKS_CONFLICT: row(
    'caller',
    409,
    false,
    'The storage holds other chunks for the song "{songId}".',
    'Publish the changed file under a new --songId.',
  ),

  // What a peer did.
  EVA_PEER_PROTOCOL: row('peer', 502, false, 'The peer broke the protocol: {reason}.', 'Nothing: another source is asked.'),
  EVA_PEER_VERSION: row(
    'peer',
    502,
    false,
    'The peer speaks protocol version {version}, this one speaks {supported}.',
    'Update the older of the two.',
  ),
  EVA_PEER_UNREACHABLE: row('peer', 502, true, 'The peer cannot be reached ({reason}).', 'Nothing: another source is asked.'),
  EVA_PEER_ADDRESS_FORBIDDEN: row(
    'peer',
    502,
    false,
    "The peer's address {host} is not in a range this peer may dial.",
    'Nothing: another source is asked.',
  ),
  EVA_PEER_TIMEOUT: row('peer', 504, true, 'The peer did not answer in time.', 'Nothing: another source is asked.'),
  EVA_PEER_CLOSED: row('peer', 502, true, 'The peer closed the connection.', 'Nothing: another source is asked.'),
  EVA_PEER_BUSY: row('peer', 503, true, 'The peer has no free upload slot.', 'Nothing: another source is asked, and this one later.'),
  EVA_PEER_CHUNK_MISSING: row('peer', 502, true, 'The peer does not have the chunk.', 'Nothing: another source is asked.'),
  EVA_BLOCK_HASH_MISMATCH: row(
    'peer',
    502,
    false,
    'A block does not match its hash.',
    'Nothing: the block is thrown away and another source asked.',
  ),
  EVA_CHUNK_HASH_MISMATCH: row(
    'peer',
    502,
    false,
    'A chunk does not match its hash.',
    'Nothing: the chunk is thrown away and another source asked.',
  ),

  // What the origin did.
  EVA_ORIGIN_UNREACHABLE: row(
    'origin',
    502,
    true,
    'The origin cannot be reached ({reason}).',
    'Nothing: it is asked again after a pause. If it lasts, check --origin and the origin server.',
  ),
  EVA_ORIGIN_TIMEOUT: row('origin', 504, true, 'The origin did not answer in time.', 'Nothing: it is asked again after a pause.'),
  EVA_ORIGIN_STATUS: row('origin', 502, true, 'The origin answered with status {status}.', 'Nothing: it is asked again after a pause.'),
  EVA_ORIGIN_TRUNCATED: row(
    'origin',
    502,
    true,
    'The origin sent {receivedBytes} of {expectedBytes} bytes.',
    'Nothing: it is asked again after a pause.',
  ),
  EVA_ORIGIN_REPLY_INVALID: row(
    'origin',
    502,
    true,
    'The origin sent a reply that makes no sense: {reason}.',
    "Check that --origin is an origin server's address.",
  ),
  EVA_ORIGIN_HASH_MISMATCH: row(
    'origin',
    502,
    true,
    'What the origin sent does not match its hash.',
    'Run "evastream preprocess" again on the origin\'s storage if it lasts.',
  ),
  EVA_ORIGIN_OVERLOADED: row('origin', 503, true, 'The origin is at its limit.', 'Wait as long as Retry-After says.'),
  EVA_ORIGIN_CHUNK_MISSING: row(
    'origin',
    502,
    true,
    'The origin does not have the chunk.',
    "Publish the song again on the origin's storage.",
  ),

  // What the metadata service or the tracker did.
  EVA_SERVICE_UNREACHABLE: row(
    'service',
    502,
    true,
    'The {service} at {url} cannot be reached ({reason}).',
    'Start it, or correct the address.',
  ),
  EVA_SERVICE_TIMEOUT: row(
    'service',
    504,
    true,
    'The {service} did not answer in time.',
    'It is asked again; if it lasts, look at its log.',
  ),
  EVA_SERVICE_REPLY_INVALID: row(
    'service',
    502,
    true,
    'The {service} sent a reply that makes no sense: {reason}.',
    "Check that the address is the {service}'s and its version fits.",
  ),
  EVA_SERVICE_STATUS: row('service', 502, true, 'The {service} answered with status {status}: {reason}.', 'Look at its log.'),
  EVA_MANIFEST_INCONSISTENT: row(
    'service',
    502,
    false,
    'Every block of chunk {chunkId} verifies and the chunk does not: the manifest of "{songId}" contradicts itself.',
    'Publish the song again under a new id; meanwhile it is fetched by whole chunks.',
  ),

  // What happened in our own house.
  EVA_NOT_READY: row('self', 503, true, 'The service is not ready: {reason}.', 'Try again in a moment.'),
  EVA_STORAGE_FAILED: row('self', 500, true, 'The storage failed ({reason}).', 'Check the disk.'),
  EVA_STORAGE_FULL: row('self', 507, true, 'The disk is full.', 'Make room.'),
  EVA_CACHE_FULL: row(
    'self',
    507,
    true,
    'The cache is full of what is pinned, wanted whole, queued or being played.',
    'Raise --cache-size, or unpin songs; until then nothing more is kept.',
  ),
  EVA_STORED_CHUNK_ROTTEN: row(
    'self',
    500,
    true,
    'A chunk on the own disk does not match its hash.',
    'Nothing: it is fetched again. If it happens often, check the disk.',
  ),
  EVA_PLAYER_FAILED: row(
    'self',
    500,
    false,
    '{player} did not play {what} to the end ({reason}).',
    'Its own words above say why; try another with --mpv, --vlc or --ffplay, or open the addresses of --url in any player.',
  ),
  EVA_CANCELLED: row('self', 499, true, 'The work was cancelled.', 'Nothing: somebody asked for it.'),
  EVA_INTERNAL: row('self', 500, false, 'Something that cannot happen happened.', 'Report it with the log line that names this error.'),
} as const)
