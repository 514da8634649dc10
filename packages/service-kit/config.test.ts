// Checks where a setting comes from, and that whatever is mistyped is refused by name with a way out.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EvaError } from '@evastream/core/errors'
import fc from 'fast-check'
import { afterAll, describe, expect, expectTypeOf, it } from 'vitest'
import { commonOptions, loadConfig, type OptionTable, variableOf } from './config.ts'
import { describeFlags } from './config-flags.ts'
import { checkPort } from './option-checks.ts'

const place = mkdtempSync(join(tmpdir(), 'evastream-config-'))
afterAll(() => rmSync(place, { recursive: true }))

const table = {
  ...commonOptions,
  port: { type: 'number', default: 8081, check: checkPort, describe: 'the port' },
  'peer.id': { type: 'string', describe: 'the id', alias: 'i' },
  'peer.maxUploads': { type: 'number', default: 4, describe: 'how many' },
  'song.id': { type: 'list', describe: 'the songs' },
  token: { type: 'string', secret: true, check: value => (value === 'good' ? undefined : 'it is the right one'), describe: 'secret' },
  'token-file': { type: 'string', describe: 'a file' },
} as const satisfies OptionTable

const load = (argv: readonly string[], env: Record<string, string> = {}) => loadConfig(table, { argv, env })

function configFile(name: string, text: string): string {
  const path = join(place, name)
  writeFileSync(path, text)
  return path
}

function failureOf(work: () => unknown): EvaError {
  try {
    work()
  } catch (thrown) {
    if (thrown instanceof EvaError) return thrown
    throw thrown
  }
  throw new EvaError('EVA_INTERNAL', { details: { reason: 'nothing was thrown' } })
}

describe('config: sources', () => {
  it('nothing given: every value is its default, and frozen', () => {
    const { values, origins } = load([])
    expect(values).toEqual({
      host: '127.0.0.1',
      json: false,
      config: undefined,
      'log.level': 'info',
      port: 8081,
      'peer.id': undefined,
      'peer.maxUploads': 4,
      'song.id': [],
      token: undefined,
      'token-file': undefined,
    })
    expect(new Set(Object.values(origins))).toEqual(new Set(['default']))
    expect(Object.isFrozen(values) && Object.isFrozen(values['song.id'])).toBe(true)
    expectTypeOf(values.port).toEqualTypeOf<number>()
    expectTypeOf(values['peer.id']).toEqualTypeOf<string | undefined>()
    expectTypeOf(values['log.level']).toEqualTypeOf<'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'>()
  })

  it('any mixture of sources: the highest one that speaks wins, and is named', () => {
    const presence = fc.record({ flag: fc.boolean(), environment: fc.boolean(), file: fc.boolean(), isToml: fc.boolean() })
    fc.assert(
      fc.property(presence, fc.uniqueArray(fc.nat(65_535), { minLength: 3, maxLength: 3 }), (has, ports) => {
        const [flag = 0, environment = 0, inFile = 0] = ports
        const name = has.isToml ? 'mix.toml' : 'mix.json'
        const text = has.isToml ? (has.file ? `port = ${inFile}` : '') : JSON.stringify(has.file ? { port: inFile } : {})
        const argv = ['--config', configFile(name, text), ...(has.flag ? ['--port', String(flag)] : [])]
        const { values, origins } = load(argv, has.environment ? { EVASTREAM_PORT: String(environment) } : {})
        const expected = has.flag ? (['flag', flag] as const) : has.environment ? (['environment', environment] as const) : undefined
        const [origin, port] = expected ?? (has.file ? (['file', inFile] as const) : (['default', 8081] as const))
        expect({ origin: origins.port, port: values.port }).toEqual({ origin, port })
      }),
      { seed: 31, numRuns: 60 },
    )
  })

  it.each([
    ['peer.maxUploads', 'EVASTREAM_PEER__MAXUPLOADS'],
    ['token-file', 'EVASTREAM_TOKEN_FILE'],
    ['log.level', 'EVASTREAM_LOG__LEVEL'],
  ])('the option %s: in the environment: is %s', (key, variable) => {
    expect(variableOf(key)).toBe(variable)
  })

  it('the environment: an empty variable: is not set', () => {
    expect(load([], { EVASTREAM_PORT: '', EVASTREAM_CONFIG: '' }).values.port).toBe(8081)
  })

  it('the environment: a slip in a name: is refused with a suggestion, another verb’s name and a stranger’s are none', () => {
    const other = { 'peer.maxGuests': { type: 'number', describe: 'Of another verb' } } as const
    const load = (env: Record<string, string>) =>
      loadConfig({ port: { type: 'number', describe: 'A port' } }, { argv: [], env, otherTables: [other] })
    expect(() => load({ EVASTREAM_PROT: '1' })).toThrow('EVASTREAM_PROT is not valid: it is not known; did you mean EVASTREAM_PORT?')
    expect(load({ EVASTREAM_PEER__MAXGUESTS: '3', EVASTREAM_DEPLOYED_BY: 'x', EVASTREAM_ADMIN_TOKEN: 't' }).values).toEqual({
      port: undefined,
    })
  })

  it('a file: nested tables and dotted keys, TOML or JSON: mean the same', () => {
    const toml = configFile('nested.toml', '"song.id" = ["a", "b"]\n[peer]\nid = "peer-1"\nmaxUploads = 7\n[log]\nlevel = "debug"\n')
    const json = configFile('nested.json', '{"song":{"id":["a","b"]},"peer.id":"peer-1","peer":{"maxUploads":7},"log":{"level":"debug"}}')
    for (const path of [toml, json])
      expect(load([], { EVASTREAM_CONFIG: path }).values).toMatchObject({
        'song.id': ['a', 'b'],
        'peer.id': 'peer-1',
        'peer.maxUploads': 7,
        'log.level': 'debug',
      })
  })
})

describe('config: flags', () => {
  it('dotted, with equals, by alias, in digits: are read as declared', () => {
    const { values, origins } = load(['--peer.id=007', '--peer.maxUploads', '2', '--json', '--song.id=a,b', '--song.id', 'c'])
    expect(values).toMatchObject({ 'peer.id': '007', 'peer.maxUploads': 2, json: true, 'song.id': ['a', 'b', 'c'] })
    expect(origins['song.id']).toBe('flag')
    for (const argv of [['-i', 'x'], ['-ix'], ['-i=x']]) expect(load(argv).values['peer.id']).toBe('x')
    expect(load(['--peer.id=-x']).values['peer.id']).toBe('-x')
    expect(load(['--json=false']).values.json).toBe(false)
    expect(load(['--no-json']).values.json).toBe(false)
    expect(load(['--json=true']).values.json).toBe(true)
  })

  it.each<[string, string[], string]>([
    ['unknown', ['--prot', '8081'], 'The flag --prot is not known; did you mean --port?'],
    ['unknown in camel case', ['--tokenFile', 'x'], 'The flag --tokenFile is not known; did you mean --token-file?'],
    ['unknown without a neighbour', ['--frobnicate'], 'The flag --frobnicate is not known.'],
    ['half of a dotted name', ['--peer', 'x'], 'The flag --peer is not known; did you mean --peer.id?'],
    ['with one dash', ['-port', '80'], 'The flag -port is not known; did you mean --port?'],
    ['with one letter', ['-x'], 'The flag -x is not known.'],
    ['named __proto__', ['--__proto__', 'x'], 'is not known'],
    ['named constructor', ['--constructor', 'x'], 'The flag --constructor is not known.'],
    ['twice', ['--host', 'a', '--host', 'b'], 'The flag --host is given more than once; give it once.'],
    ['a boolean twice', ['--json', '--json'], 'The flag --json is given more than once; give it once.'],
    ['empty', ['--port='], 'The flag --port needs a value; write --port=VALUE.'],
    ['last without a value', ['--port'], 'The flag --port needs a value; write --port=VALUE.'],
    ['followed by a flag', ['--port', '--json'], 'The flag --port needs a value; write --port=VALUE.'],
    ['a list without members', ['--song.id='], 'The flag --song.id needs a value; write --song.id=VALUE.'],
    ['a number in letters', ['--port', 'abc'], 'The flag --port is not valid: it is a number in digits, not "abc".'],
    ['a number in hexadecimal', ['--port', '0x50'], 'it is a number in digits, not "0x50".'],
    ['a number out of range', ['--port', '-1'], 'The flag --port is not valid: it is a whole number from 0 to 65535, not "-1".'],
    ['a fraction where none fits', ['--port', '80.5'], 'it is a whole number from 0 to 65535, not "80.5".'],
    ['a number past counting', ['--peer.maxUploads', '9007199254740993'], 'it is a number that can be counted exactly'],
    ['a number without end', ['--peer.maxUploads', '9'.repeat(400)], 'it is a number in digits'],
    ['a choice there is not', ['--log.level', 'loud'], 'it is one of trace, debug, info, warn, error, fatal, silent, not "loud".'],
    ['a boolean that is neither', ['--json=maybe'], 'The flag --json is true or false, not "maybe"; write --json alone, or leave it out.'],
    ['the negation of a value', ['--no-port'], 'The flag --no-port is not known; --port takes a value.'],
    ['a word that is no flag', ['8081'], 'The argument "8081" is not expected; flags begin with --.'],
    ['a word after the end of flags', ['--', '--port'], 'The argument "--port" is not expected; flags begin with --.'],
  ])('%s: is refused in one sentence', (_what, argv, sentence) => {
    const failure = failureOf(() => load(argv))
    expect(failure.code).toBe('EVA_USAGE')
    expect(failure.message).toContain(sentence)
    expect(failure.message).not.toContain('\n')
  })

  it('a secret: refused: is not repeated', () => {
    expect(failureOf(() => load(['--token', 'hush'])).message).toBe('The flag --token is not valid: it is the right one.')
  })

  it('a required flag: missing everywhere: is asked for; from the environment it will do', () => {
    const needy = { input: { type: 'string', required: true, describe: 'a file' } } as const
    expect(failureOf(() => loadConfig(needy, { argv: [], env: {} })).message).toBe('The flag --input is missing; write --input=VALUE.')
    expect(loadConfig(needy, { argv: [], env: { EVASTREAM_INPUT: 'x' } }).values.input).toBe('x')
  })

  it('a positional that takes the rest: every further word in order, or none', () => {
    const read = (argv: string[]) => loadConfig(table, { argv, env: {}, positionals: ['songId', 'more...'] })
    expect(read(['a', 'b', '--', '--c'])).toMatchObject({ positionals: { songId: 'a' }, rest: ['b', '--c'] })
    expect(read(['a']).rest).toEqual([])
    expect(() => read([])).toThrow('The argument songId is missing')
  })

  it('positional words: asked for, optional, missing, too many', () => {
    const read = (argv: string[]) => loadConfig(table, { argv, env: {}, positionals: ['songId', 'output?'] }).positionals
    expect(read(['song-1'])).toEqual({ songId: 'song-1' })
    expect(read(['--port', '1', '1e3', '--json', '007'])).toEqual({ songId: '1e3', output: '007' })
    expect(failureOf(() => read([])).message).toBe('The argument songId is missing; write it after the command.')
    expect(failureOf(() => read(['a', 'b', 'c'])).message).toContain('"c" is not expected')
  })

  it('help: lists every flag with its description', async () => {
    const help = await describeFlags(table, 'evastream metadata')
    for (const [key, { describe: text }] of Object.entries(table)) {
      expect(help).toContain(`--${key}`)
      expect(help).toContain(text.slice(0, 10))
    }
  })
})

describe('config: environment and file', () => {
  it('the environment: a bad value: is refused by the variable’s name', () => {
    const failure = failureOf(() => load([], { EVASTREAM_PORT: '99999' }))
    expect(failure.code).toBe('EVA_CONFIG_INVALID')
    expect(failure.message).toBe('The setting EVASTREAM_PORT is not valid: it is a whole number from 0 to 65535, not "99999".')
    expect(failureOf(() => load([], { EVASTREAM_JSON: 'maybe' })).message).toContain('EVASTREAM_JSON')
    expect(load([], { EVASTREAM_JSON: '1' }).values.json).toBe(true)
  })

  it.each<[string, string, string]>([
    ['an unknown key', 'prot = 1', 'The setting "prot" is not valid: it is not known (did you mean "port"?).'],
    ['an unknown key in a table', '[peer]\nidd = "x"', 'The setting "peer.idd" is not valid: it is not known (did you mean "peer.id"?).'],
    ['a number in quotes', 'port = "8081"', 'it is a number without quotes'],
    ['a text without quotes', '[peer]\nid = 7', 'it is a text in quotes, not empty'],
    ['a boolean in quotes', 'json = "true"', 'it is true or false, without quotes'],
    ['a list of numbers', '"song.id" = [1]', 'it is a list of texts'],
    ['a date', 'port = 2026-01-01', 'it is a number without quotes'],
    ['infinity', 'port = inf', 'it is a number that can be counted exactly'],
    ['the same key twice', '"peer.id" = "a"\n[peer]\nid = "b"', 'gives it twice'],
    ['no TOML', 'port = = 1', 'is not TOML'],
  ])('a TOML file: %s: is refused', (_what, text, sentence) => {
    const failure = failureOf(() => load(['--config', configFile('bad.toml', text)]))
    expect(failure.code).toBe('EVA_CONFIG_INVALID')
    expect(failure.message).toContain(sentence)
    expect(failure.message).not.toContain('\n')
  })

  it.each<[string, string, string]>([
    ['__proto__', '{"__proto__": {"port": 1}}', 'is not known'],
    ['a list', '[1]', 'does not hold a table'],
    ['no JSON', '{', 'is not JSON'],
  ])('a JSON file: %s: is refused', (_what, text, sentence) => {
    expect(failureOf(() => load(['--config', configFile('bad.json', text)])).message).toContain(sentence)
  })

  it('a file: missing or a directory: is refused with its path', () => {
    expect(failureOf(() => load(['--config', join(place, 'none.toml')])).message).toContain(
      `${join(place, 'none.toml')} cannot be read (ENOENT)`,
    )
    expect(failureOf(() => load(['--config', place])).message).toContain('cannot be read (EISDIR)')
  })

  it('a shared file: another verb’s key: is passed over', () => {
    const other = { storage: { type: 'string', describe: 'another verb’s' } } as const
    const argv = ['--config', configFile('shared.toml', 'storage = "x"\nport = 5')]
    expect(loadConfig(table, { argv, env: {}, otherTables: [other] }).values.port).toBe(5)
    expect(failureOf(() => load(argv)).message).toContain('"storage"')
  })
})
