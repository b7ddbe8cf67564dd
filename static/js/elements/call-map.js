// <call-map>: the map as a drawing. Laid out once; what changes on the board changes its colours, never its places.

import { drawing, lightUp, repaint } from "../helpers/map-drawing.js"
import { graphOf, keyOf, pathsOf, shapeOf } from "../helpers/graph.js"
import { set, write } from "../helpers/clock.js"
import { glyph, make, timeSince } from "../helpers/making.js"
import { refetching } from "../helpers/refetching.js"
import { whole } from "../helpers/words.js"

const SMALLEST = 0.35 // of its size, that names can still be told

class CallMap extends HTMLElement {
  #view
  #svg = null
  #graph = null
  #shape = ""
  #told = null
  #dagre = null

  async connectedCallback() {
    this.#view = this.querySelector(".map-view")
    this.addEventListener("click", ({ target }) => this.#press(target.closest("[data-map]")?.dataset.map))
    this.#dagre = await import(this.dataset.layout)
    const answer = await fetch(this.dataset.source)
    if (answer.ok) this.show(await answer.json())
    if (this.dataset.past === undefined) refetching(this.dataset.source, (told) => this.show(told))
  }

  /** Show the map's answer: {sentence, edges}. */
  show(told) {
    this.#told = told
    write(document.getElementById("map-sentence"), told.sentence)
    fillList(told.edges, this.dataset)
    if (!told.edges.length) return
    if (!this.#svg) return this.#draw()
    // Other ways than before: they wait to be asked for, so that nothing moves under the eye.
    const anew = this.querySelector("[data-map=anew]")
    anew.hidden = shapeOf(told.edges) === this.#shape
    const byKey = new Map(told.edges.map((edge) => [keyOf(edge), edge]))
    this.#graph = graphOf(this.#graph.ways.map((way) => byKey.get(way.key) ?? { ...way, state: "unknown", word: "Gone" }))
    repaint(this.#svg, this.#graph)
  }

  #draw() {
    this.#graph = graphOf(this.#told.edges)
    this.#shape = shapeOf(this.#told.edges)
    this.#view.hidden = false
    this.#svg = drawing(this.#dagre, this.#graph, this.dataset, this.#view.clientWidth)
    this.#view.replaceChildren(this.#svg)
    this.querySelector(".map-tools").hidden = false
    this.querySelector("[data-map=anew]").hidden = true
    for (const name of ["pointerover", "focusin"]) this.#svg.addEventListener(name, ({ target }) => this.#light(target))
    for (const name of ["pointerleave", "focusout"]) this.#svg.addEventListener(name, () => lightUp(this.#svg, null))
    this.#scale(Math.max(SMALLEST, Math.min(1, this.#view.clientWidth / this.#svg.viewBox.baseVal.width)))
  }

  #light(target) {
    const spot = target.closest(".spot")
    if (spot) return lightUp(this.#svg, pathsOf(this.#graph, spot.dataset.name))
    const way = target.closest(".way")
    if (!way) return lightUp(this.#svg, null)
    lightUp(this.#svg, { spots: new Set(JSON.parse(way.dataset.key)), ways: new Set([way.dataset.key]) })
  }

  #press(what) {
    if (what === "anew") this.#draw()
    if (what === "full") this.#scale(1)
    if (what === "fit") this.#scale(Math.min(1, this.#view.clientWidth / this.#svg.viewBox.baseVal.width))
  }

  #scale(by) {
    const { width, height } = this.#svg.viewBox.baseVal
    set(this.#svg, "width", Math.floor(width * by))
    set(this.#svg, "height", Math.floor(height * by))
  }
}

// The list twin, in the order that it has: rows change in their places.
const fillList = (edges, { dependency }) => {
  const body = document.querySelector("#ways tbody")
  const known = new Map([...body.rows].map((row) => [rowKey(row), row]))
  for (const edge of edges) {
    const row = rowOf(edge, dependency)
    const before = known.get(pairOf(edge.service, edge.dependency))
    if (before?.contains(document.activeElement)) continue
    if (before) before.replaceWith(row)
    else body.append(row)
  }
}

const rowKey = ({ cells }) => pairOf(cells[1].textContent, cells[2].textContent)

// As a page's own text has them: with one kind of line's end, and blanks around them that are the page's.
const pairOf = (...names) => JSON.stringify(names.map((name) => name.trim().replace(/\r\n?/g, "\n")))

const rowOf = (edge, dependency) =>
  make(
    "tr",
    {},
    make("td", {}, make("span", { class: "state-cell", "data-state": edge.state }, glyph(edge.state), make("b", {}, edge.word))),
    make("th", { scope: "row", class: "wrap" }, make("a", { href: edge.href }, edge.service)),
    make("td", { class: "wrap" }, make("a", { href: `${dependency}?name=${encodeURIComponent(edge.dependency)}` }, edge.dependency)),
    make("td", {}, edge.said || "1"),
    make("td", {}, timeSince(edge.since)),
    make("td", { class: "number" }, edge.failing),
    make("td", { class: "number" }, whole(edge.refused)),
  )

customElements.define("call-map", CallMap)
