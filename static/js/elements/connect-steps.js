// <connect-steps>: the steps of a service that is being connected, looked at every second while the page is in view.

import { write } from "../helpers/clock.js"
import { make, timeAt } from "../helpers/making.js"

const EVERY = 1_000 // ms
const SLOWLY_AFTER = 600 // looks; a page that was left open asks every half minute
const SLOWLY = 30_000 // ms

class ConnectSteps extends HTMLElement {
  #looks = 0
  #told = ""

  connectedCallback() {
    this.#later()
  }

  #later() {
    setTimeout(() => this.#look(), this.#looks < SLOWLY_AFTER ? EVERY : SLOWLY)
  }

  async #look() {
    if (!this.isConnected) return
    if (!document.hidden) {
      this.#looks += 1
      const answer = await fetch(this.dataset.source).catch(() => null)
      if (answer?.ok) this.#show(await answer.json())
    }
    this.#later()
  }

  #show(way) {
    const told = JSON.stringify(way)
    if (told === this.#told) return
    this.#told = told
    for (const step of way.steps) {
      const line = this.querySelector(`[data-step="${step.name}"]`)
      line.toggleAttribute("data-done", Boolean(step.at))
      write(line.querySelector(".arrival-said"), step.at ? "done" : "waiting")
      write(line.querySelector(".arrival-detail"), step.detail)
    }
    const tries = this.querySelector(".refused-tries")
    tries.hidden = !way.refused.length
    tries.querySelector("ul").replaceChildren(...way.refused.map(refusedOf))
    const arrived = this.querySelector(".arrived")
    arrived.hidden = !way.breakers.length
    const links = way.breakers.flatMap(([id, name]) => [", ", make("a", { href: `/breakers/${encodeURIComponent(id)}/` }, name)])
    arrived.replaceChildren("It is here: ", ...links.slice(1))
  }
}

const refusedOf = ({ at, status, detail, own }) =>
  make(
    "li",
    {},
    timeAt(at),
    " ",
    make("b", {}, String(status)),
    " ",
    make("span", {}, detail),
    own ? null : make("span", { class: "caption" }, " from a sender whose key says nothing"),
  )

customElements.define("connect-steps", ConnectSteps)
