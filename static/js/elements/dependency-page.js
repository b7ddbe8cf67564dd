// <dependency-page>: who calls it and who is cut off from it, as it changes.

import { set, write } from "../helpers/clock.js"
import { glyph, make, timeAt, timeSince } from "../helpers/making.js"
import { markOf } from "./range-facts.js"
import { refetching } from "../helpers/refetching.js"
import { DASH, percent, whole, word } from "../helpers/words.js"

class DependencyPage extends HTMLElement {
  connectedCallback() {
    refetching(this.dataset.source, (told) => this.#show(told))
  }

  #show({ sentence, since, cards, own, marks }) {
    write(this.querySelector(".cut-words"), sentence)
    const place = this.querySelector(".cut-since")
    place.hidden = !since
    if (since) place.firstElementChild.replaceChildren(timeAt(since))
    const body = this.querySelector("#callers tbody")
    const mine = this.querySelector("#own tbody")
    if (mine && own.length && !mine.contains(document.activeElement)) mine.replaceChildren(...own.map(ownOf))
    const list = this.querySelector("#dependency-marks")
    list.replaceChildren(...(marks.length ? marks.map(markOf) : [make("li", { class: "caption" }, "None.")]))
    if (!cards.length || body.contains(document.activeElement)) return
    const [{ state }] = cards
    const head = this.querySelector(".dependency-head")
    set(head, "data-state", state)
    set(head.querySelector("use"), "href", `#s-${state}`)
    body.replaceChildren(...cards.map(rowOf))
  }
}

const rowOf = (card) =>
  make(
    "tr",
    { "data-id": card.id },
    make("td", {}, make("span", { class: "state-cell", "data-state": card.state }, glyph(card.state), make("b", {}, word(card.state)))),
    make("th", { scope: "row", class: "wrap" }, card.service),
    make("td", { class: "wrap" }, make("a", { href: `/breakers/${encodeURIComponent(card.id)}/` }, card.name)),
    make("td", {}, timeSince(card.since)),
    make("td", { class: "number" }, percent(card.failure_rate_1m)),
    make("td", { class: "number" }, whole(card.calls_1m)),
    make("td", { class: "number" }, whole(card.rejected_1m)),
    make("td", { class: "wrap" }, card.last_error_type ?? DASH),
  )

const ownOf = (card) =>
  make(
    "tr",
    {},
    make("td", {}, make("span", { class: "state-cell", "data-state": card.state }, glyph(card.state), make("b", {}, word(card.state)))),
    make("th", { scope: "row", class: "wrap" }, make("a", { href: `/breakers/${encodeURIComponent(card.id)}/` }, card.name)),
    make("td", { class: "wrap" }, make("a", { href: `?name=${encodeURIComponent(card.dependency)}` }, card.dependency)),
    make("td", {}, timeSince(card.since)),
  )

customElements.define("dependency-page", DependencyPage)
