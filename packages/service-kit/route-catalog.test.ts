// Checks that a path is recognised by its pattern and answers with every method it allows.

import { describe, expect, it } from 'vitest'
import { RouteCatalog } from './route-catalog.ts'

describe('route catalog', () => {
  const routes = new RouteCatalog()
  routes.add('/metadata', 'POST')
  routes.add('/metadata', ['GET', 'HEAD'])
  routes.add('/metadata/:songId', 'get')
  routes.add('/metadata/:songId/blocks', 'GET')
  routes.add('/docs/static/*', 'GET')
  routes.add('/openapi.json', 'GET')
  routes.add('/songs/:songId.m3u8', 'GET')

  it.each([
    ['/metadata', ['GET', 'HEAD', 'POST']],
    ['/metadata/song-1', ['GET']],
    ['/metadata/song-1/blocks', ['GET']],
    ['/metadata/song-1/other', []],
    ['/docs/static/a/b.js', ['GET']],
    ['/openapiXjson', []],
    ['/songs/a.b.m3u8', ['GET']],
    ['/songs/a.mp3', []],
    ['/songs/.m3u8', []],
    ['/metadata/', []],
    ['/', []],
  ])('the path %s: allows %j', (path, allowed) => {
    expect(routes.methodsOf(path)).toEqual(allowed)
  })
})
