// The wall, kept up to date: cards change in place at once; they change their places when nobody is looking for one.

import { BreakerCard } from "./elements/breaker-card.js"
import { Announcer } from "./helpers/announcer.js"
import { onBeat, write } from "./helpers/clock.js"
import { sentence, SEVERITY, whole } from "./helpers/words.js"
import { store } from "./live/store.js"

const REST = 3_000 // ms without a move of pointer or focus before cards change their places
const STRIP_EVERY = 5 // beats
const MOST_SHOWN = { cards: 120, rows: 620, problems: 200 }
const PAGE_LIMIT = 200

const RANK = new Map(SEVERITY.map((state, rank) => [state, rank]))

/** The wall's order: worst state first, longest in it, most refused calls, name. */
export const before = (one, other) =>
  RANK.get(one.state) - RANK.get(other.state) ||
  Date.parse(one.since) - Date.parse(other.since) ||
  other.rejected_1m - one.rejected_1m ||
  (one.service < other.service ? -1 : one.service > other.service ? 1 : 0) ||
  (one.name < other.name ? -1 : one.name > other.name ? 1 : 0)

export class Wall {
  #root
  #form
  #troubled
  #calm
  #folds
  #elements = new Map() // id → element
  #known = false
  #moving = null
  #lastMove = -Infinity
  #beats = 0
  #announcer
  #single
  #firstPage

  constructor(root) {
    this.#root = root
    this.#form = root.dataset.form
    this.#troubled = root.querySelector("#troubled-cards")
    this.#calm = root.querySelector("#calm-cards")
    this.#folds = root.querySelector("#folds")
    this.#announcer = new Announcer(document.getElementById("announcer"))
    this.#firstPage = !new URLSearchParams(location.search).has("cursor")
    this.#single = root.querySelectorAll("breaker-card").length === 0
    for (const element of root.querySelectorAll("breaker-card")) this.#elements.set(element.dataset.id, element)
  }

  start() {
    const { filter, limit } = document.body.dataset
    store.subscribe("wall", (message) => this.#heard(message), { filter, limit: Math.min(Number(limit), PAGE_LIMIT) })
    for (const event of ["pointermove", "focusin", "keydown"]) {
      this.#root.addEventListener(event, () => (this.#lastMove = performance.now()), { passive: true })
    }
    this.#root.querySelector("#moves").addEventListener("click", () => this.#move())
    onBeat((at) => this.#beat(at))
  }

  #heard({ kind, data, counts }) {
    if (kind === "error") return
    const cards = kind === "snapshot" ? data.items : data
    if (kind === "snapshot") this.#forget(data)
    for (const card of cards) this.#show(card)
    const told = counts ?? data.counts
    if (told) this.#count(told)
    if (kind === "snapshot" && data.next && this.#form !== "problems") this.#fetchRest(data.next)
    this.#settle()
    this.#known = true
  }

  // The server's wall has other forms for other numbers: over a border, or out of the empty one, draw anew.
  #outgrown() {
    return (this.#single && this.#elements.size) || this.#elements.size > MOST_SHOWN[this.#form] * 1.5
  }

  #forget({ items, next }) {
    if (next) return
    const ids = new Set(items.map((card) => card.id))
    if (this.#form === "problems" && !this.#firstPage) return
    for (const [id, element] of this.#elements) {
      if (!ids.has(id)) this.#remove(id, element)
    }
  }

  #show(card) {
    const element = this.#elements.get(card.id)
    if (card.removed) return element && this.#remove(card.id, element)
    if (element) {
      if (this.#known && element.dataset.state !== card.state) this.#announcer.changed(card.name, card.state)
      element.show(card)
      return
    }
    if (this.#form === "problems" && !this.#firstPage) return
    this.#elements.set(card.id, BreakerCard.of(card))
    if (this.#known) this.#announcer.changed(card.name, card.state)
  }

  #remove(id, element) {
    element.remove()
    this.#elements.delete(id)
  }

  async #fetchRest(next) {
    const query = new URLSearchParams(document.body.dataset.filter)
    query.set("limit", PAGE_LIMIT)
    for (let page = 0; next && page < 3; page++) {
      query.set("cursor", next)
      const answer = await fetch(`/api/v1/breakers?${query}`).catch(() => null)
      if (!answer?.ok) return
      const { items, next: following } = await answer.json()
      store.add("wall", items)
      next = following
    }
  }

  // Places change at once, unless someone points at a card or has just moved: then a button says how many would.
  #settle() {
    if (this.#outgrown()) return location.reload()
    const moves = this.#moves()
    if (!moves.length) return this.#hideButton()
    if (!this.#busy()) return this.#move()
    const button = this.#root.querySelector("#moves")
    write(button, moves.length === 1 ? "1 breaker wants to move: apply" : `${whole(moves.length)} breakers want to move: apply`)
    button.hidden = false
    clearTimeout(this.#moving)
    this.#moving = setTimeout(() => this.#settle(), REST)
  }

  #busy() {
    const touched = this.#root.matches(":has(breaker-card:hover, breaker-card a:focus)")
    return touched && performance.now() - this.#lastMove < REST
  }

  #hideButton() {
    this.#root.querySelector("#moves").hidden = true
  }

  // Which elements stand in the wrong list, or in the wrong place of the right one.
  #moves() {
    const wrong = []
    for (const [list, elements] of this.#plan()) {
      const there = [...list.children].filter((child) => child.localName === "breaker-card")
      const rest = there.filter((element) => elements.includes(element))
      let place = 0
      for (const element of elements) {
        if (rest[place] === element) place++
        else wrong.push(element)
      }
    }
    return wrong
  }

  #plan() {
    const lists = new Map([[this.#troubled, []]])
    if (this.#calm) lists.set(this.#calm, [])
    for (const element of this.#elements.values()) {
      const list = element.dataset.state === "closed" ? this.#homeOf(element) : this.#troubled
      if (!list) continue
      if (!lists.has(list)) lists.set(list, [])
      lists.get(list).push(element)
    }
    for (const elements of lists.values()) {
      // The server's order stands for cards that no frame has told of yet.
      if (elements.every((element) => element.card)) elements.sort((one, other) => before(one.card, other.card))
    }
    return lists
  }

  #homeOf(element) {
    if (this.#calm) return this.#calm
    if (!this.#folds) return null
    const service = element.card?.service ?? element.querySelector(".service").textContent
    const fold = [...this.#folds.children].find((each) => each.dataset.service === service)
    return fold ? fold.querySelector(".cards") : this.#newFold(service)
  }

  #newFold(service) {
    const fold = this.#folds.firstElementChild.cloneNode(true)
    fold.open = false
    fold.dataset.service = service
    fold.querySelector("b").textContent = service
    fold.querySelector(".cards").replaceChildren()
    this.#folds.append(fold)
    return fold.querySelector(".cards")
  }

  #move() {
    clearTimeout(this.#moving)
    const focused = document.activeElement
    for (const [list, elements] of this.#plan()) {
      elements.forEach((element, place) => {
        if (list.children[place] !== element) list.insertBefore(element, list.children[place] ?? null)
      })
    }
    if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true })
    this.#hideButton()
    this.#headings()
  }

  #headings() {
    this.#root.querySelector("#troubled").hidden = !this.#troubled.childElementCount
    if (this.#calm) this.#root.querySelector("#calm").hidden = !this.#calm.childElementCount
    for (const fold of this.#folds?.children ?? []) {
      const cards = [...fold.querySelectorAll("breaker-card")]
      fold.hidden = !cards.length
      if (!cards.every((element) => element.card)) continue
      const calls = cards.reduce((total, { card }) => total + card.calls_1m, 0)
      write(fold.querySelector(".fold-said"), `${whole(cards.length)} closed · calls passing · ${whole(calls / 60)}/s`)
    }
  }

  #count(counts) {
    const said = sentence(counts)
    // Beyond 500 the frames count the troubled ones alone: the sentence is of all.
    if (this.#form !== "problems") {
      write(document.getElementById("sentence"), said)
      document.title = `${said} Breakerboard`
    }
    if (this.#root.hasAttribute("data-filtered") || this.#form === "problems") return
    for (const row of document.getElementById("tally").children) {
      const count = counts[row.dataset.state] ?? 0
      write(row.querySelector("b"), whole(count))
      row.hidden = !count
    }
  }

  #beat(at) {
    this.#beats += 1
    if (this.#beats % STRIP_EVERY) return
    for (const element of this.#elements.values()) element.age(at)
  }
}

/** Filters apply as they are chosen; the button stays for those without scripts. */
export const startFilter = (form) => {
  form.querySelector("button").hidden = true
  form.addEventListener("change", ({ target }) => target.type !== "search" && form.requestSubmit())
  form.addEventListener("submit", () => {
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true
  })
}
