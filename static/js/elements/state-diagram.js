// <state-diagram>: the server draws it; frames move its mark, its counts and its ring.

import { now, onBeat, set, showAge, write } from "../helpers/clock.js"
import { diagram, MAIN, ringOf } from "../helpers/diagram.js"
import { stamp, whole, word } from "../helpers/words.js"

const HEIGHT = 300
const HEIGHT_WITH_EXTRA = 418
const EXTRA_PLACE = "translate(288 318)"

const middleOf = (element) => {
  const { left, width } = element.getBoundingClientRect()
  return left + width / 2
}

class StateDiagram extends HTMLElement {
  #page = null

  connectedCallback() {
    // On a narrow screen the drawing is wider than its box: begin where the breaker is.
    const node = this.querySelector("[data-now]")
    if (node && this.scrollWidth > this.clientWidth) this.scrollLeft += middleOf(node) - middleOf(this)
    onBeat((at) => this.#page && this.#drawRing(this.#page.card, at))
  }

  /** Show the page of a frame: {card, paths, config}. */
  show(page) {
    this.#page = page
    const drawn = diagram(page, now())
    write(this.querySelector("desc"), drawn.description)
    for (const arrow of drawn.arrows) this.#drawArrow(arrow)
    for (const node of drawn.nodes) this.#drawNode(this.#node(node.state), node)
    this.#drawExtra(drawn.extra)
    this.#drawRing(page.card, now())
    this.#fillTwin(page.paths)
  }

  #node(state) {
    return this.querySelector(`.node[data-state="${state}"]:not([data-extra])`)
  }

  #drawArrow({ from, to, count, rule, lastAt, newest }) {
    const arrow = this.querySelector(`.arrow[data-from="${from}"][data-to="${to}"]`)
    arrow.toggleAttribute("data-newest", newest)
    arrow.toggleAttribute("data-none", !count)
    write(arrow.querySelector(".count"), `${whole(count)}×`)
    write(arrow.querySelector(".rule"), rule)
    const below = arrow.querySelector(".below")
    let time = below.querySelector("[data-age]")
    if (newest === (below.childNodes.length === 3)) return newest && showAge(time, lastAt)
    if (newest) below.replaceChildren("last ", time, " ago")
    else below.replaceChildren(time)
    showAge(time, newest ? lastAt : "")
  }

  #drawNode(node, { state, word: name, now: here, second }) {
    set(node, "data-state", state)
    node.toggleAttribute("data-now", here)
    set(node.querySelector("use"), "href", `#g-${state}`)
    write(node.querySelector(".node-word"), name)
    write(node.querySelector(".before"), second.before)
    showAge(node.querySelector("[data-age]"), second.at)
    write(node.querySelector(".after"), second.after)
  }

  #drawExtra(extra) {
    const svg = this.querySelector("svg.diagram")
    let node = svg.querySelector("[data-extra]")
    set(svg, "viewBox", `0 0 760 ${extra ? HEIGHT_WITH_EXTRA : HEIGHT}`)
    if (!extra) return node?.remove()
    if (!node) {
      node = this.#node(MAIN[0]).cloneNode(true)
      node.setAttribute("data-extra", "")
      node.setAttribute("transform", EXTRA_PLACE)
      svg.append(node)
    }
    this.#drawNode(node, extra)
  }

  #drawRing(card, at) {
    const node = this.#node("half_open")
    const ring = card.state === "open" ? ringOf(card, at) : null
    const drawn = node.querySelector(".ring")
    drawn.toggleAttribute("hidden", !ring)
    if (!ring) return
    set(drawn.querySelector(".ring-over"), "stroke-dasharray", `${ring.percent} 100`)
    write(node.querySelector(".before"), ring.text)
  }

  #fillTwin(paths) {
    const rows = paths.map((path) => {
      const row = document.createElement("tr")
      const texts = [word(path.from_state), word(path.to_state), whole(path.count), stamp(path.last_at, now())]
      texts.forEach((text, place) => {
        const cell = row.insertCell()
        cell.textContent = text
        if (place === 2) cell.className = "number"
      })
      return row
    })
    if (!rows.length) {
      const cell = rows[rows.push(document.createElement("tr")) - 1].insertCell()
      cell.textContent = "No step in the last 24 hours."
      cell.className = "empty"
      cell.colSpan = 4
    }
    this.querySelector("tbody").replaceChildren(...rows)
  }
}

customElements.define("state-diagram", StateDiagram)
