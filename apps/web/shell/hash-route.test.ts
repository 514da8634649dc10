import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hashOf, libraryRoute, type Route, routeOf } from './hash-route.ts'

const someText = fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined })

test('hash route: every place is found again by its hash', () => {
  const library = fc
    .record({
      tab: fc.constantFrom('albums', 'artists', 'songs'),
      query: fc.string({ unit: 'grapheme' }),
      album: someText,
      artist: someText,
    })
    .map(libraryRoute)
  const others = fc.constantFrom<Route>({ place: 'now' }, { place: 'swarm' }, { place: 'manage' })
  fc.assert(
    fc.property(fc.oneof(library, others), route => {
      expect(routeOf(hashOf(route))).toEqual(route)
    }),
  )
})

test('hash route: whatever stands behind the # is some place', () => {
  fc.assert(
    fc.property(fc.string(), text => {
      expect(routeOf(`#${text}`).place).toBeTypeOf('string')
    }),
  )
  expect(routeOf('')).toEqual(libraryRoute())
  expect(routeOf('#/nowhere')).toEqual(libraryRoute())
})
