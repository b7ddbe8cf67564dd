// The wall, kept up to date: cards change in place at once; they change their places when nobody is looking for one.

import { BreakerCard } from "./elements/breaker-card.js"
import { Announcer } from "./helpers/announcer.js"
import { Hand } from "./hand.js"
import { showCalm, tripMayDiffer } from "./helpers/calm.js"
import { causeMayDiffer } from "./helpers/cause.js"
import { onBeat, write } from "./helpers/clock.js"
import { SEVERITY, sum, wallSentence, whole } from "./helpers/words.js"
import { Folds } from "./folds.js"
import { store } from "./live/store.js"
import { Strips } from "./strips.js"

const REST = 3_000 // ms without a move of pointer or focus before cards change their places
const STRIP_EVERY = 5 // beats
const ANEW_EVERY = 30_000 // ms between two drawings by the server, at most
const REFILL_AFTER = 1_000 // ms
const AGAIN_AFTER = 5_000 // ms, when a further page could not be had
const PAGE_LIMIT = 200

// What the suspect beside the headline hangs on, of one card.
const standing = (card) => (card && !card.removed ? `${card.incident ?? ""}:${card.state === "open"}` : ":false")

const RANK = new Map(SEVERITY.map((state, rank) => [state, rank]))

/** The wall's order: worst state first, longest in it, most refused calls, name. */
export const before = (one, other) =>
  RANK.get(one.state) - RANK.get(other.state) ||
  Date.parse(one.since) - Date.parse(other.since) ||
  other.rejected_1m - one.rejected_1m ||
  (one.name < other.name ? -1 : one.name > other.name ? 1 : 0) ||
  (one.service < other.service ? -1 : one.service > other.service ? 1 : 0)

const withClosed = (counts, total) => ({ ...counts, closed: Math.max(0, total - sum(counts)) })

// What somebody has chosen does not fall off the end of a list.
const picked = (element) => element.querySelector(".pick:checked") !== null

export class Wall {
  #root
  #form
  #troubled
  #calm
  #folds
  #elements = new Map() // id → element
  #known = false
  #unsettled = false
  #moving = null
  #lastMove = -Infinity
  #beats = 0
  #announcer
  #single
  #firstPage
  #limit
  #most // more than these, and the server draws the wall in its next form
  #partial // only the troubled ones are here: the server said so
  #cells = false // whether the strips tell the counts
  #anew = null
  #filling = null
  #roll = null // the ids that a snapshot of several pages has told so far
  #hand = null // what can be done from here; a television has none

  constructor(root) {
    this.#root = root
    this.#form = root.dataset.form
    this.#troubled = root.querySelector("#troubled-cards")
    this.#calm = root.querySelector("#calm-cards")
    const folds = root.querySelector("#folds")
    this.#folds = folds && new Folds(folds)
    this.#announcer = new Announcer(document.getElementById("announcer"))
    this.#partial = this.#form === "strips" || root.hasAttribute("data-partial")
    this.#most = Number(root.dataset.most)
    this.#limit = Number(document.body.dataset.limit)
    this.#firstPage = !new URLSearchParams(location.search).has("cursor")
    this.#single = !this.#partial && root.querySelectorAll("breaker-card").length === 0
    for (const element of root.querySelectorAll("breaker-card")) this.#elements.set(element.dataset.id, element)
  }

  start() {
    const { filter, limit } = document.body.dataset
    store.subscribe("wall", (message) => this.#heard(message), { filter, limit: Math.min(Number(limit), PAGE_LIMIT) })
    for (const event of ["pointermove", "focusin", "keydown"]) {
      this.#root.addEventListener(event, () => (this.#lastMove = performance.now()), { passive: true })
    }
    this.#button.addEventListener("click", () => this.#move())
    if (document.getElementById("card-menu")) {
      this.#hand = new Hand(this.#root)
      this.#hand.start()
    }
    onBeat((at) => this.#beat(at))
    const strips = document.getElementById("strips")
    if (!strips) return
    this.#cells = strips.hasAttribute("data-cells")
    new Strips(strips, { counted: (counts) => this.#say(counts), strange: () => this.#drawAnew() }).start()
  }

  #heard({ kind, data, counts }) {
    if (kind === "error") return
    const cards = kind === "snapshot" ? data.items : data
    if (kind === "snapshot") this.#forget(data)
    for (const card of cards) this.#unsettled = this.#show(card) || this.#unsettled
    const told = counts ?? data.counts
    if (told) this.#count(told)
    if (kind === "snapshot" && data.next && !this.#partial) this.#fetchRest(cards, data.next)
    // Rates wobble; places change with the state alone.
    if (this.#unsettled) this.#settle()
    this.#unsettled = false
    this.#known = true
  }

  // The server's wall has other forms for other numbers: over a border, or out of the empty one, draw anew.
  #outgrown() {
    if (this.#single) return this.#elements.size > 0
    const homeless = this.#form === "rows" && !this.#folds && this.#root.querySelector('[data-state="closed"]')
    return homeless || this.#elements.size > this.#most
  }

  #forget({ items, next }) {
    this.#roll = null
    if (this.#partial ? this.#firstPage : !next) this.#keepOnly(new Set(items.map((card) => card.id)))
  }

  #keepOnly(ids) {
    for (const [id, element] of this.#elements) {
      if (!ids.has(id)) this.#unsettled = this.#leave(id, element) || this.#unsettled
    }
  }

  /** Show a card; whether places may have changed. */
  #show(card) {
    const element = this.#elements.get(card.id)
    if (this.#known && standing(element?.card) !== standing(card)) causeMayDiffer()
    if (card.removed) this.#roll?.delete(card.id)
    else this.#roll?.add(card.id)
    if (card.removed) return Boolean(element && this.#leave(card.id, element))
    if (element) {
      if (this.#known && element.dataset.state !== card.state) this.#announcer.changed(card.name, card.state)
      const moved = element.show(card)
      if (moved && this.#known) tripMayDiffer()
      return moved
    }
    if (this.#partial && !this.#finds(card)) return false
    this.#elements.set(card.id, BreakerCard.of(card))
    if (this.#known) this.#announcer.changed(card.name, card.state)
    return true
  }

  /** Whether there is a place for a new one in a list that shows only the first. */
  #finds(card) {
    if (!this.#firstPage || this.#elements.size < this.#limit) return this.#firstPage
    const last = [...this.#troubled.children].at(-1)?.card
    return Boolean(last && before(card, last) < 0)
  }

  // It matches no more, or is gone. Under the pointer it stays, and says so, until places may change.
  #leave(id, element) {
    if (!this.#busy() || !element.isConnected) return this.#remove(id, element)
    element.leave()
    return true
  }

  #remove(id, element) {
    element.remove()
    return this.#elements.delete(id)
  }

  // The further pages of a snapshot. What none of them told, and no frame meanwhile, is not there any more.
  async #fetchRest(first, next) {
    const roll = (this.#roll = new Set(first.map((card) => card.id)))
    const query = new URLSearchParams(document.body.dataset.filter)
    query.set("limit", PAGE_LIMIT)
    while (next && roll.size <= this.#most) {
      query.set("cursor", next)
      const answer = await fetch(`/api/v1/breakers?${query}`).catch(() => null)
      if (this.#roll !== roll) return
      if (!answer?.ok) return this.#refill(AGAIN_AFTER)
      const { items, next: following } = await answer.json()
      for (const { id } of items) roll.add(id)
      store.add("wall", items)
      next = following
    }
    if (this.#roll !== roll) return
    this.#roll = null
    this.#keepOnly(roll)
    if (this.#unsettled) this.#settle()
    this.#unsettled = false
  }

  // Places change at once, unless someone points at a card or has just moved: then a button says how many would.
  #settle() {
    clearTimeout(this.#moving)
    if (this.#outgrown() && !this.#busy() && !this.#hand?.busy) return location.reload()
    const moves = this.#moves()
    if (moves.length && this.#busy()) this.#offer(moves.length)
    else if (moves.length) this.#move()
    else {
      this.#hideButton()
      this.#headings()
    }
    this.#hand?.count()
    if (this.#outgrown() || !this.#button.hidden) this.#moving = setTimeout(() => this.#settle(), REST)
  }

  get #button() {
    return this.#root.querySelector("#moves")
  }

  #offer(moves) {
    write(this.#button, moves === 1 ? "1 breaker wants to move: apply" : `${whole(moves)} breakers want to move: apply`)
    this.#button.hidden = false
  }

  #busy() {
    if (this.#hand?.pointing) return true
    const touched = this.#root.matches(":has(breaker-card:hover, breaker-card :focus)")
    return touched && performance.now() - this.#lastMove < REST
  }

  #hideButton() {
    this.#button.hidden = true
  }

  // Which elements stand in the wrong list, or in the wrong place of the right one, or have left.
  #moves() {
    const wrong = [...this.#elements.values()].filter((element) => element.gone)
    for (const [list, elements] of this.#plan()) {
      const meant = new Set(elements)
      const rest = [...list.children].filter((element) => meant.has(element))
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
      if (element.gone) continue
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
    return this.#folds?.listOf(element.card?.service ?? element.querySelector(".service").textContent) ?? null
  }

  #move() {
    clearTimeout(this.#moving)
    const focused = document.activeElement
    const beside = focused?.closest("breaker-card")?.nextElementSibling ?? focused?.closest("breaker-card")?.previousElementSibling
    for (const [id, element] of this.#elements) if (element.gone) this.#remove(id, element)
    for (const [list, elements] of this.#plan()) {
      if (this.#partial) for (const element of elements.splice(this.#limit)) if (!picked(element)) this.#remove(element.dataset.id, element)
      elements.forEach((element, place) => {
        if (list.children[place] !== element) list.insertBefore(element, list.children[place] ?? null)
      })
    }
    if (!focused?.isConnected) beside?.querySelector(".name a").focus({ preventScroll: true })
    else if (document.activeElement !== focused) focused.focus({ preventScroll: true })
    this.#hideButton()
    this.#headings()
    this.#hand?.count()
  }

  #headings() {
    this.#root.querySelector("#troubled").hidden = !this.#troubled.childElementCount
    if (this.#calm) this.#root.querySelector("#calm").hidden = !this.#calm.childElementCount
    this.#folds?.say()
  }

  #count(counts) {
    if (!this.#partial) return this.#say(counts)
    // Of strips the frames tell of the troubled ones alone; the cells count them all.
    if (!this.#cells) this.#say(withClosed(counts, Number(this.#root.dataset.total)))
    this.#countTroubled(sum(counts))
  }

  #say(counts) {
    const filtered = this.#root.hasAttribute("data-filtered")
    const said = wallSentence(counts, filtered)
    write(document.getElementById("sentence"), said)
    document.title = `${said} Breakerboard`
    if (!filtered) showCalm(counts)
  }

  #countTroubled(count) {
    const all = document.getElementById("all-troubled")
    const calm = document.getElementById("nothing-troubled")
    if (calm) calm.hidden = count > 0
    if (all) {
      all.hidden = count <= this.#elements.size
      write(all.querySelector("b"), whole(count))
    }
    if (this.#firstPage && this.#elements.size < Math.min(count, this.#limit)) this.#refill()
  }

  // One of the first ones left, and who follows was never told.
  #refill(after = REFILL_AFTER) {
    this.#filling ??= setTimeout(() => {
      this.#filling = null
      store.refresh("wall")
    }, after)
  }

  // Breakers without a place: the server draws the wall again, when nobody points at it and not too often.
  #drawAnew() {
    this.#anew ??= setTimeout(() => {
      this.#anew = null
      if (this.#busy() || this.#hand?.busy) this.#drawAnew()
      else location.reload()
    }, Math.max(REST, ANEW_EVERY - performance.now()))
  }

  #beat(at) {
    this.#beats += 1
    if (this.#beats % STRIP_EVERY) return
    for (const element of this.#elements.values()) element.age(at)
    this.#headings()
  }
}
