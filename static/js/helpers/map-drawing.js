// The map's drawing: places by dagre, left to right; then plain SVG, painted by the stylesheet through data-state.

import { cut, kindOf, placed, stateOf } from "./graph.js"
import { set } from "./clock.js"
import { whole } from "./words.js"

const SVG = "http://www.w3.org/2000/svg"
const [WIDTH, HEIGHT] = [186, 34] // px of a name's box
const SPACING = { nodesep: 10, ranksep: 150, edgesep: 6, marginx: 8, marginy: 8 }
const SIGN = 18 // px of the sign on a way
const MOST_STRETCHED = 2.5
const QUIET = new Set(["closed"])

/** The drawing of a graph, laid out; stretched to `room` px where it would be narrower. */
export const drawing = (dagre, graph, addresses, room = 0) => {
  const layout = placed(dagre, graph, { width: WIDTH, height: HEIGHT }, SPACING)
  const { width: narrow, height } = layout
  const stretch = Math.min(Math.max(1, room / narrow), MOST_STRETCHED)
  const width = narrow * stretch
  for (const spot of layout.spots.values()) spot.x *= stretch
  for (const points of layout.ways.values()) for (const point of points) point.x *= stretch
  const svg = element("svg", { class: "map", viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`, role: "group" })
  set(svg, "aria-label", `${counted(graph.spots.length, "name")}, ${counted(graph.ways.length, "way")}; the same stands in the list below`)
  // The troubled ones last, over the others.
  const ways = [...graph.ways].sort((one, other) => cutLast(one) - cutLast(other))
  svg.append(...ways.map((way) => wayOf(way, bends(layout, way))))
  svg.append(...graph.spots.map((spot) => spotOf(spot, layout.spots.get(spot.name), addresses)))
  repaint(svg, graph)
  return svg
}

/** Colours, signs and words of now, in the same places. */
export const repaint = (svg, graph) => {
  const spots = new Map(graph.spots.map((spot) => [spot.name, spot]))
  const ways = new Map(graph.ways.map((way) => [way.key, way]))
  for (const drawn of svg.querySelectorAll(".way")) paintWay(drawn, ways.get(drawn.dataset.key))
  for (const drawn of svg.querySelectorAll(".spot")) {
    const spot = spots.get(drawn.dataset.name)
    set(drawn, "data-state", stateOf(spot))
    set(drawn.querySelector("a"), "aria-label", labelOf(spot))
  }
}

/** Light up names and ways {spots, ways}; null: everything is as it was. */
export const lightUp = (svg, lit) => {
  svg.toggleAttribute("data-lit", lit !== null)
  for (const drawn of svg.querySelectorAll(".spot")) drawn.toggleAttribute("data-on", Boolean(lit?.spots.has(drawn.dataset.name)))
  for (const drawn of svg.querySelectorAll(".way")) drawn.toggleAttribute("data-on", Boolean(lit?.ways.has(drawn.dataset.key)))
}

const paintWay = (drawn, way) => {
  set(drawn, "data-state", way.state)
  const link = drawn.querySelector("a")
  set(link, "href", way.href)
  const said = `${way.service} calls ${way.dependency}: ${way.said || way.word}, fail ${way.failing}`
  if (drawn.querySelector("title").textContent !== said) drawn.querySelector("title").textContent = said
  set(link, "aria-label", said)
  const quiet = QUIET.has(way.state)
  link.toggleAttribute("hidden", quiet)
  set(link.querySelector("use"), "href", `#g-${quiet ? "closed" : way.state}`)
}

// From the side of one box to the side of the other, through dagre's points between them.
const bends = (layout, { key, service, dependency }) => {
  const [from, to] = [layout.spots.get(service), layout.spots.get(dependency)]
  const side = to.x < from.x ? -WIDTH / 2 : WIDTH / 2
  const inner = layout.ways.get(key).slice(1, -1)
  return [{ x: from.x + side, y: from.y }, ...inner, { x: to.x - side, y: to.y }]
}

const wayOf = (way, points) => {
  const middle = points[Math.max(1, Math.floor((points.length - 1) / 2))]
  const sign = element("a", { class: "sign" })
  const left = { x: middle.x - SIGN / 2, y: middle.y - SIGN / 2, width: SIGN, height: SIGN }
  const glyph = element("svg", { class: "glyph", viewBox: "0 0 24 24", "aria-hidden": "true", ...left })
  glyph.append(element("use", {}))
  sign.append(element("rect", { ...left, rx: 3 }), glyph)
  const group = element("g", { class: "way", "data-key": way.key })
  group.append(element("title", {}), element("path", { d: curve(points) }), sign)
  return group
}

const spotOf = (spot, { x, y }, { dependency, wall }) => {
  const kind = kindOf(spot)
  const name = encodeURIComponent(spot.name)
  const address = spot.called.length ? `${dependency}?name=${name}` : `${wall}?service=${name}`
  const group = element("g", { class: "spot", "data-name": spot.name, "data-kind": kind })
  set(group, "transform", `translate(${round(x - WIDTH / 2)} ${round(y - HEIGHT / 2)})`)
  const link = element("a", { href: address })
  const text = element("text", { x: 12, y: HEIGHT / 2 })
  text.textContent = cut(spot.name)
  const title = element("title", {})
  title.textContent = spot.name
  link.append(element("rect", { width: WIDTH, height: HEIGHT, rx: 6 }), title, text)
  if (spot.called.length > 1) {
    const many = element("text", { class: "many", x: WIDTH - 10, y: HEIGHT / 2, "text-anchor": "end" })
    many.textContent = String(spot.called.length)
    link.append(many)
  }
  group.append(link)
  return group
}

const labelOf = (spot) => {
  const cutOff = spot.called.filter(({ state }) => state === "open" || state === "forced_open")
  const said = cutOff.length ? `, cut off from it: ${cutOff.map(({ service }) => service).join(", ")}` : ""
  return `${spot.name}, called by ${spot.called.length}, calls ${spot.calls.length}${said}`
}

const cutLast = ({ state }) => (state === "open" || state === "forced_open" ? 2 : QUIET.has(state) ? 0 : 1)

// Level at each point, so that ways leave and reach boxes straight, and signs stand on them.
const curve = ([first, ...rest]) => {
  let from = first
  const parts = [`M${round(first.x)} ${round(first.y)}`]
  for (const to of rest) {
    const half = (from.x + to.x) / 2
    parts.push(`C${round(half)} ${round(from.y)} ${round(half)} ${round(to.y)} ${round(to.x)} ${round(to.y)}`)
    from = to
  }
  return parts.join("")
}

const round = (number) => Math.round(number * 10) / 10

const element = (name, attributes) => {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value))
  return made
}

const counted = (number, name) => `${whole(number)} ${name}${number === 1 ? "" : "s"}`
