// <time-machine>: plays the past. A second of ours is so many of then; each is asked for and put into its place.

import { BreakerCard } from "./breaker-card.js"
import { fix, set, write } from "../helpers/clock.js"
import { showTally } from "../helpers/tally.js"

const TICK = 1_000 // ms

class TimeMachine extends HTMLElement {
  #at
  #speed = 0
  #asking = false
  #timer = null

  connectedCallback() {
    this.#at = Date.parse(this.dataset.at)
    // The clock of the page stands still at that moment, so that ages are those of then.
    fix(this.#at)
    this.querySelector(".past-play").hidden = false
    this.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-speed]")
      if (button) this.#play(Number(button.dataset.speed))
    })
  }

  /** The same button again stops. */
  #play(speed) {
    this.#speed = this.#speed === speed ? 0 : speed
    for (const button of this.querySelectorAll("[data-speed]")) {
      set(button, "aria-pressed", Number(button.dataset.speed) === this.#speed)
    }
    clearInterval(this.#timer)
    if (this.#speed) this.#timer = setInterval(() => this.#tick(), TICK)
  }

  async #tick() {
    if (document.hidden || this.#asking) return
    const at = this.#at + this.#speed * TICK
    // It has caught up with us.
    if (at >= Date.now()) return location.assign(location.pathname)
    this.#asking = true
    const moment = new Date(at).toISOString()
    const query = new URLSearchParams(location.search)
    query.set("at", moment)
    const answer = await fetch(`${this.dataset.source}?${query}`).catch(() => null)
    this.#asking = false
    if (!answer?.ok || !this.#speed) return
    this.#arrive(at, moment, query, await answer.json())
  }

  #arrive(at, moment, query, told) {
    this.#at = at
    fix(at)
    history.replaceState(null, "", `?${query}`)
    const time = this.querySelector(".past-at")
    write(time, moment.slice(0, 19).replace("T", " "))
    SHOW[this.dataset.kind](told, moment, at)
  }
}

const showWall = ({ sentence, cards, counts, rest }, moment, at) => {
  showTally(counts)
  document.title = `Past: ${sentence} Breakerboard`
  const more = document.getElementById("past-rest")
  more.hidden = !rest
  write(more, rest)
  write(document.getElementById("past-sentence"), sentence)
  const box = document.getElementById("past-cards")
  const known = new Map([...box.querySelectorAll("breaker-card")].map((card) => [card.dataset.id, card]))
  document.getElementById("past-none").hidden = cards.length > 0
  const shown = cards.map((card) => {
    const element = known.get(card.id)
    element?.show(card, at)
    return element ?? BreakerCard.of(card)
  })
  // Only what changed its place is moved.
  shown.forEach((element, place) => {
    if (box.children[place] !== element) box.insertBefore(element, box.children[place] ?? null)
  })
  while (box.children.length > shown.length) box.lastElementChild.remove()
}

const showMap = (told) => {
  showTally(told.counts)
  document.querySelector("call-map").show(told)
}

const showBreaker = ({ details, news, counts }, moment) => {
  showTally(counts)
  document.querySelector("breaker-page").showPast(details, news, moment)
}

const SHOW = { wall: showWall, map: showMap, breaker: showBreaker }

customElements.define("time-machine", TimeMachine)
