// <breaker-card>: a tile or a row of the wall. The server draws it; frames redraw only what differs.

import { now, set, showAge, write } from "../helpers/clock.js"
import { face } from "../helpers/face.js"

const SVG = "http://www.w3.org/2000/svg"
const NUMBERS = 3

export class BreakerCard extends HTMLElement {
  card = null

  /** A new one, from the page's template. */
  static of(card) {
    const element = document.getElementById("card-template").content.firstElementChild.cloneNode(true)
    document.adoptNode(element)
    customElements.upgrade(element)
    element.show(card)
    return element
  }

  get version() {
    return Number(this.dataset.version)
  }

  /** Show a card. An older one than what is shown changes nothing. */
  show(card, at = now()) {
    if (this.card && card.version < this.card.version) return
    const changed = this.card !== null && this.dataset.state !== card.state
    this.card = card
    this.#draw(face(card, at))
    if (changed) this.#flash()
  }

  /** Let the strip move on with the time. */
  age(at) {
    if (this.card && !(this.card.strip_15m.length === 1 && this.card.state === "closed")) this.#drawStrip(face(this.card, at))
  }

  #draw(shown) {
    set(this, "data-id", shown.id)
    set(this, "data-state", shown.state)
    set(this, "data-version", shown.version)
    set(this.querySelector("use"), "href", `#g-${shown.state}`)
    write(this.querySelector(".word"), shown.word)
    const [before, time, after] = this.querySelector(".second").children
    write(before, shown.second.before)
    showAge(time, shown.second.at)
    write(after, shown.second.after)
    const link = this.querySelector(".name a")
    set(link, "href", `/breakers/${encodeURIComponent(shown.id)}/`)
    for (const [element, text] of [
      [link, shown.name],
      [this.querySelector(".service"), shown.service],
      [this.querySelector(".dependency"), shown.dependency],
    ]) {
      set(element, "title", text)
      write(element, text)
    }
    write(this.querySelector(".error"), shown.error)
    const numbers = this.querySelector(".numbers").children
    for (let index = 0; index < NUMBERS; index++) {
      write(numbers[index].firstElementChild, shown.numbers[index].caption)
      write(numbers[index].lastElementChild, shown.numbers[index].value)
    }
    this.#drawStrip(shown)
  }

  #drawStrip({ strip, stripLabel }) {
    const svg = this.querySelector(".strip")
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

customElements.define("breaker-card", BreakerCard)
