// <breaker-card>: a tile or a row of the wall. The server draws it; frames redraw only what differs.

import { now, set, showAge, write } from "../helpers/clock.js"
import { face } from "../helpers/face.js"

const SVG = "http://www.w3.org/2000/svg"

export class BreakerCard extends HTMLElement {
  card = null

  #parts = null
  #named = null // the face whose names are drawn
  #gone = false
  #drawn = null // the strip's spans that are drawn

  /** A new one, from the page's template. */
  static of(card) {
    const element = document.getElementById("card-template").content.firstElementChild.cloneNode(true)
    document.adoptNode(element)
    customElements.upgrade(element)
    element.show(card)
    return element
  }

  /** Show a card; an older one than what is shown changes nothing. Says whether its place may have changed. */
  show(card, at = now()) {
    if (this.card && card.version < this.card.version) return false
    const changed = this.dataset.state !== card.state
    const moved = changed || this.card?.since !== card.since
    const flashes = changed && this.card !== null
    const back = this.#gone
    this.card = card
    this.#gone = false
    this.toggleAttribute("data-gone", false)
    this.#draw(face(card, at))
    if (flashes) this.#flash()
    return moved || back
  }

  /** Whether it matches no more, and only stands here until places may change. */
  get gone() {
    return this.#gone
  }

  /** Say that it matches no more. A newer card brings it back. */
  leave() {
    const parts = (this.#parts ??= partsOf(this))
    this.#gone = true
    this.toggleAttribute("data-gone", true)
    write(parts.before, "not here any more")
    showAge(parts.time, "")
    write(parts.after, "")
  }

  /** Let the strip move on with the time. */
  age(at) {
    if (!this.card || (this.card.strip_15m.length === 1 && this.card.state === "closed")) return
    this.#drawn = null
    this.#drawStrip(face(this.card, at))
  }

  #draw(shown) {
    const parts = (this.#parts ??= partsOf(this))
    set(this, "data-id", shown.id)
    set(this, "data-state", shown.state)
    set(this, "data-version", shown.version)
    if (shown.silenced) set(this, "data-silenced", shown.silenced)
    else this.removeAttribute("data-silenced")
    set(parts.glyph, "href", `#g-${shown.state}`)
    write(parts.word, shown.word)
    write(parts.before, shown.second.before)
    showAge(parts.time, shown.second.at)
    write(parts.after, shown.second.after)
    if (this.#named?.name !== shown.name || this.#named.service !== shown.service || this.#named.dependency !== shown.dependency) this.#name(shown)
    write(parts.error, shown.error)
    shown.numbers.forEach(({ value, caption }, index) => {
      write(parts.captions[index], caption)
      write(parts.values[index], value)
    })
    this.#drawStrip(shown)
  }

  // Once: a breaker keeps its names, and only its dependency may change.
  #name(shown) {
    const parts = this.#parts
    this.#named = shown
    set(parts.name, "href", `/breakers/${encodeURIComponent(shown.id)}/`)
    for (const name of ["name", "service", "dependency"]) {
      set(parts[name], "title", shown[name])
      write(parts[name], shown[name])
    }
    if (parts.pick) {
      set(parts.pick, "value", shown.id)
      set(parts.pick, "aria-label", `Select ${shown.name} in ${shown.service}`)
    }
    if (parts.act) {
      set(parts.act, "href", `/several/?breaker=${encodeURIComponent(shown.id)}`)
      set(parts.act, "aria-label", `Act on ${shown.name} in ${shown.service}`)
    }
  }

  #drawStrip({ strip, stripLabel }) {
    const told = JSON.stringify(this.card.strip_15m)
    if (told === this.#drawn) return
    this.#drawn = told
    const svg = this.#parts.strip
    set(svg, "aria-label", stripLabel)
    while (svg.childElementCount > strip.length) svg.lastElementChild.remove()
    while (svg.childElementCount < strip.length) svg.append(document.createElementNS(SVG, "rect"))
    strip.forEach((bar, index) => {
      const rect = svg.children[index]
      set(rect, "data-state", bar.state)
      for (const name of ["x", "y", "width", "height"]) set(rect, name, bar[name])
    })
  }

  #flash() {
    this.classList.add("changed")
    this.addEventListener("animationend", () => this.classList.remove("changed"), { once: true })
  }
}

// Looked up once: a wall redraws hundreds of cards ten times a second.
const partsOf = (card) => {
  const [before, time, after] = card.querySelector(".second").children
  return {
    before,
    time,
    after,
    glyph: card.querySelector("use"),
    word: card.querySelector(".word"),
    name: card.querySelector(".name a"),
    service: card.querySelector(".service"),
    dependency: card.querySelector(".dependency"),
    error: card.querySelector(".error"),
    captions: card.querySelectorAll(".numbers dt"),
    values: card.querySelectorAll(".numbers dd"),
    strip: card.querySelector(".strip"),
    pick: card.querySelector(".pick"),
    act: card.querySelector(".act"),
  }
}

customElements.define("breaker-card", BreakerCard)
