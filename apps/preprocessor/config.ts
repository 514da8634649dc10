// The preprocessor's settings: their names, defaults and bounds.
// Not their reading (service-kit): flags, environment and files become values there.
// Invariant: what `publishWish` returns is frozen and checked; each default is written here and nowhere else.

import { parseSongId, type SongId } from '@evastream/core/ids'
import { CHUNK_SIZE_MAX_BYTES, CHUNK_SIZE_MIN_BYTES, KIB } from '@evastream/core/units'
import { type ConfigValues, commonOptions, type OptionTable } from '@evastream/service-kit/config'
import { DEFAULT_METADATA_DIR, DEFAULT_STORAGE_DIR } from '@evastream/service-kit/data-directories'
import { checkServiceUrl, wholeNumber } from '@evastream/service-kit/option-checks'
import { cleanText } from './tag-reader.ts'

export const preprocessorOptions = {
  input: { type: 'string', required: true, alias: 'i', describe: 'The audio file to publish' },
  songId: { type: 'string', describe: 'The id to publish it under; made from title and content when left out', check: checkSongId },
  chunkSize: {
    type: 'number',
    default: 256 * KIB,
    describe: 'Bytes of each chunk: smaller ones spread sooner, larger ones cost less bookkeeping',
    check: wholeNumber(CHUNK_SIZE_MIN_BYTES, CHUNK_SIZE_MAX_BYTES),
  },
  storage: { type: 'string', default: DEFAULT_STORAGE_DIR, describe: "The origin's storage, where chunks are written" },
  metadata: { type: 'string', default: 'http://127.0.0.1:8081', describe: 'The metadata service', check: checkServiceUrl },
  data: { type: 'string', default: DEFAULT_METADATA_DIR, describe: "The metadata service's data directory, for its operator token" },
  token: { type: 'string', secret: true, describe: 'The operator token; better in a file or EVASTREAM_ADMIN_TOKEN' },
  'token-file': { type: 'string', describe: 'A file that holds the operator token' },
  title: { type: 'string', describe: 'The title, instead of the one in the tags', check: checkText },
  artist: { type: 'string', describe: 'The artist, instead of the one in the tags', check: checkText },
  album: { type: 'string', describe: 'The album, instead of the one in the tags', check: checkText },
  quiet: { type: 'boolean', default: false, describe: 'Say nothing but the result' },
  json: { type: 'boolean', default: false, describe: 'The result as one JSON object on stdout' },
  config: commonOptions.config,
} as const satisfies OptionTable

export type PreprocessorValues = ConfigValues<typeof preprocessorOptions>

/** What to publish, and as what. */
export interface PublishWish {
  readonly inputPath: string
  readonly songId: SongId | undefined
  readonly chunkSize: number
  readonly storageDir: string
  /** Descriptions that win over the tags. */
  readonly overrides: { readonly title?: string; readonly artist?: string; readonly album?: string }
  /** Refuse what is no audio; without it such a file is published under its name. */
  readonly audioOnly?: boolean
  /** One of many: the service took the token and the storage was swept a moment ago. */
  readonly isPrepared?: boolean
}

export function publishWish(values: PreprocessorValues): PublishWish {
  const given = { title: cleanText(values.title), artist: cleanText(values.artist), album: cleanText(values.album) }
  return Object.freeze({
    inputPath: values.input,
    songId: values.songId === undefined ? undefined : parseSongId(values.songId),
    chunkSize: values.chunkSize,
    storageDir: values.storage,
    overrides: Object.fromEntries(Object.entries(given).filter(([, text]) => text !== undefined)),
  })
}

type OptionValue = string | number | boolean | readonly string[]

function checkSongId(value: OptionValue): string | undefined {
  try {
    parseSongId(value)
    return undefined
  } catch {
    return 'it is 1 to 128 letters, digits, dots, underscores and hyphens, beginning with a letter or digit'
  }
}

function checkText(value: OptionValue): string | undefined {
  return cleanText(String(value)) === undefined ? 'it is text that can be seen' : undefined
}
