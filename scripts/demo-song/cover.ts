// The cover: a sun, a ring of nodes around it, and a single ray. The sun gives one copy; the ring hands it on.
// The further a node is from the first one, the cooler its colour. There is no text, so no font is owed to anyone.
// Invariant: the same seed draws the same bytes.

import { blend, type Light, LightCanvas, type Point } from './light-canvas.ts'
import { encodePng } from './png.ts'
import { power, square } from './power.ts'
import { drawAroundZero, drawBetween, type Random, seededRandom } from './seeded-random.ts'

const sizePixels = 600
const centre: Point = { x: 300, y: 300 }
const sunRadiusPixels = 58
const ringRadiusPixels = 206
const nodeCount = 14
const firstNodeTurns = -0.115

const gold: Light = [1, 0.62, 0.2]
const rose: Light = [1, 0.3, 0.38]
const violet: Light = [0.5, 0.3, 1]
const teal: Light = [0.12, 0.75, 0.85]
const white: Light = [1, 0.95, 0.85]

type Node = { readonly point: Point; readonly light: Light; readonly radiusPixels: number }

/** Draws the picture as a PNG. */
export function drawCover(seed: number): Buffer {
  const random = seededRandom(seed, 'cover')
  const canvas = new LightCanvas(sizePixels)
  const nodes = placeNodes(random)
  canvas.wash(night)
  stars(canvas, random)
  canvas.wash(sun)
  ring(canvas, nodes)
  exchanges(canvas, nodes, random)
  ray(canvas, nodes)
  for (const node of nodes) drawNode(canvas, node)
  return encodePng(canvas.develop(), sizePixels, sizePixels)
}

function placeNodes(random: Random): Node[] {
  return Array.from({ length: nodeCount }, (_, index) => {
    const turns = firstNodeTurns + index / nodeCount
    const radius = ringRadiusPixels + (index === 0 ? 0 : drawAroundZero(random, 7))
    const hops = Math.min(index, nodeCount - index) / (nodeCount / 2)
    return { point: onCircle(turns, radius), light: warmth(hops), radiusPixels: index === 0 ? 11 : drawBetween(random, 7, 9.5) }
  })
}

function onCircle(turns: number, radius: number): Point {
  return { x: centre.x + radius * Math.cos(2 * Math.PI * turns), y: centre.y + radius * Math.sin(2 * Math.PI * turns) }
}

/** 0 is where the copy arrived, 1 the far side of the ring. */
function warmth(hops: number): Light {
  const colours = [gold, rose, violet, teal] as const
  const place = hops * (colours.length - 1)
  const index = Math.min(colours.length - 2, Math.floor(place))
  return blend(colours[index] ?? gold, colours[index + 1] ?? teal, place - index)
}

function night({ x, y }: Point): Light {
  const distance = Math.hypot(x - centre.x, y - centre.y) / 424
  const height = y / sizePixels
  const edge = blend([0.003, 0.004, 0.02], [0.014, 0.004, 0.022], height)
  return blend([0.045, 0.014, 0.06], edge, power(Math.min(1, distance), 0.7))
}

/** A disc with a soft rim, a halo, and a corona that is not quite round. */
function sun({ x, y }: Point): Light {
  const distance = Math.hypot(x - centre.x, y - centre.y)
  const angle = Math.atan2(y - centre.y, x - centre.x)
  const flame = 1 + 0.1 * Math.sin(5 * angle + 1) + 0.07 * Math.sin(11 * angle + 2.4) + 0.05 * Math.sin(17 * angle)
  const disc = 1 / (1 + Math.exp((distance - sunRadiusPixels) / 1.6))
  const rim = Math.min(1, distance / sunRadiusPixels)
  const outside = Math.max(0, distance - sunRadiusPixels)
  const halo = 0.5 * Math.exp(-outside / (17 * flame)) + 0.13 * Math.exp(-outside / 75)
  const discLight = blend([3.2, 2.2, 0.9], [2.4, 0.85, 0.12], power(rim, 2.5))
  const haloLight: Light = [1, 0.4, 0.12]
  const dark: Light = [0, 0, 0]
  return blend(blend(dark, haloLight, halo), discLight, disc)
}

function stars(canvas: LightCanvas, random: Random): void {
  for (let index = 0; index < 170; index += 1) {
    const point = { x: random() * sizePixels, y: random() * sizePixels }
    const strength = 0.06 + 0.5 * square(square(random()))
    canvas.glow(point, drawBetween(random, 0.6, 1.1), blend(white, [0.6, 0.75, 1], random()), strength)
  }
}

/** The copy travels both ways along the ring, so the ring carries the colours of its nodes. */
function ring(canvas: LightCanvas, nodes: readonly Node[]): void {
  nodes.forEach(({ point, light }, index) => {
    const next = nodes[(index + 1) % nodes.length]
    if (!next) return
    const path = bow(point, next.point, -0.028)
    canvas.thread(path, ratio => blend(light, next.light, ratio), { widthPixels: 1.3, strength: 0.3, steps: 130 })
    canvas.thread(path, ratio => blend(light, next.light, ratio), { widthPixels: 6, strength: 0.008, steps: 130 })
  })
}

/** Finer threads between nodes that are not neighbours, bent around the sun. */
function exchanges(canvas: LightCanvas, nodes: readonly Node[], random: Random): void {
  nodes.forEach(({ point, light }, index) => {
    for (const stride of [2, 3, 4]) {
      const other = nodes[(index + stride) % nodes.length]
      if (!other || random() < 0.25) continue
      const style = { widthPixels: 0.8, strength: 0.06, steps: 260 }
      canvas.thread(bow(point, other.point, 0.05 * stride - 0.08), ratio => blend(light, other.light, ratio), style)
    }
  })
}

function ray(canvas: LightCanvas, nodes: readonly Node[]): void {
  const first = nodes[0]
  if (!first) return
  const start = onCircle(firstNodeTurns, sunRadiusPixels - 4)
  const path = (ratio: number) => ({ x: start.x + (first.point.x - start.x) * ratio, y: start.y + (first.point.y - start.y) * ratio })
  canvas.thread(path, () => white, { widthPixels: 1.7, strength: 0.75, steps: 150 })
  canvas.thread(path, () => gold, { widthPixels: 8, strength: 0.03, steps: 150 })
}

/** A quadratic curve between two points; a negative bend goes outward from the sun. */
function bow(from: Point, to: Point, bend: number): (ratio: number) => Point {
  const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 }
  const control = { x: middle.x + 2 * bend * (centre.x - middle.x), y: middle.y + 2 * bend * (centre.y - middle.y) }
  return ratio => {
    const [a, b, c] = [square(1 - ratio), 2 * ratio * (1 - ratio), square(ratio)]
    return { x: a * from.x + b * control.x + c * to.x, y: a * from.y + b * control.y + c * to.y }
  }
}

function drawNode(canvas: LightCanvas, { point, light, radiusPixels }: Node): void {
  canvas.glow(point, radiusPixels * 3.2, light, 0.16)
  canvas.glow(point, radiusPixels, light, 2.4)
  canvas.glow(point, radiusPixels * 0.55, white, 1.6)
}
