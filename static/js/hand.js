// The hand: what can be done from the wall, to one breaker or to those that are ticked. Without scripts the same links and
// the same form lead to a page of their own; here they open a menu and a dialog.

import { guard } from "./elements/order-dialog.js"
import { onBeat, set, showAge, write } from "./helpers/clock.js"
import { glyph, make, timeSince } from "./helpers/making.js"
import { whole, word } from "./helpers/words.js"
import { store } from "./live/store.js"

const MOST = 100 // at once; the server takes no more

export class Hand {
  #root
  #picks = document.getElementById("picks")
  #menu = document.getElementById("card-menu")
  #dialog = document.getElementById("several-dialog")
  #acted = null // the card whose menu is open
  #rows = new Map() // id → the dialog's row

  constructor(root) {
    this.#root = root
  }

  /** Whether somebody is about to do something: then the page stays as it is. */
  get busy() {
    return this.picked.length > 0 || this.pointing || Boolean(document.querySelector("dialog[open]"))
  }

  /** Whether the menu of a card is open: it stands beside that card. */
  get pointing() {
    return this.#acted !== null
  }

  /** The ids of those that are ticked. */
  get picked() {
    return [...this.#root.querySelectorAll(".pick:checked")].map(({ value }) => value)
  }

  start() {
    this.#root.addEventListener("click", (event) => this.#clicked(event))
    this.#root.addEventListener("change", ({ target }) => target.matches(".pick") && this.count())
    document.addEventListener("verb", (event) => this.#asked(event.detail) && event.preventDefault())
    this.#menu.addEventListener("beforetoggle", ({ newState }) => newState === "closed" && (this.#acted = null))
    this.#menu.addEventListener("keydown", (event) => this.#pressed(event))
    this.#menu.addEventListener("click", ({ target }) => this.#chosen(target.closest("[data-verb]")))
    if (!this.#picks) return
    // After the browser has cleared the boxes.
    this.#picks.addEventListener("reset", () => setTimeout(() => this.count()))
    this.#picks.addEventListener("submit", (event) => {
      event.preventDefault()
      this.#open(event.submitter.value, this.picked.map((id) => this.#cardOf(id)))
    })
    this.#dialog.querySelector("[data-close]").addEventListener("click", () => this.#dialog.close())
    this.#dialog.addEventListener("close", () => this.#dialog.querySelector(".chosen").replaceChildren())
    this.#dialog.querySelector("form").addEventListener("submit", (event) => guard(event))
    onBeat(() => this.#dialog.open && this.#follow())
    this.count()
  }

  /** Say how many are ticked; some of them may have left. */
  count() {
    const picked = this.#picks ? this.picked : []
    if (picked.length) write(this.#picks.querySelector(".picks-said"), `${whole(picked.length)} selected`)
    for (const button of this.#picks?.querySelectorAll("[name=verb]") ?? []) button.disabled = picked.length > MOST
  }

  #cardOf(id) {
    return this.#root.querySelector(`breaker-card[data-id="${CSS.escape(id)}"]`)
  }

  #clicked(event) {
    const door = event.target.closest(".act")
    if (!door || !this.#menu.showPopover || event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    this.#acted = door.closest("breaker-card")
    set(this.#menu.querySelector("[data-open]"), "href", `/breakers/${encodeURIComponent(this.#acted.dataset.id)}/`)
    this.#menu.showPopover()
    const { right, bottom, top } = door.getBoundingClientRect()
    const { width, height } = this.#menu.getBoundingClientRect()
    this.#menu.style.left = `${Math.max(4, right - width)}px`
    this.#menu.style.top = `${bottom + height > innerHeight ? Math.max(4, top - height) : bottom}px`
    this.#menu.querySelector("[role=menuitem]").focus()
  }

  #pressed(event) {
    const items = [...this.#menu.querySelectorAll("[role=menuitem]")]
    const place = items.indexOf(document.activeElement)
    const next = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: items.length - 1 }[event.key]
    if (next === undefined) return
    event.preventDefault()
    items.at(next % items.length).focus()
  }

  #chosen(item) {
    if (!item) return
    const card = this.#acted
    this.#menu.hidePopover()
    this.#open(item.dataset.verb, [card])
  }

  // A key: of those that are ticked, else of the one with the focus.
  #asked(verb) {
    const focused = document.activeElement.closest?.("breaker-card")
    if (verb === "select") return this.#toggle(focused)
    if (!this.#dialog) return false
    const cards = this.picked.length ? this.picked.map((id) => this.#cardOf(id)) : focused ? [focused] : []
    if (!cards.length || cards.length > MOST) return false
    this.#open(verb, cards)
    return true
  }

  #toggle(card) {
    const box = card?.querySelector(".pick")
    if (!box) return false
    box.checked = !box.checked
    this.count()
    const name = card.querySelector(".name").textContent
    document.getElementById("announcer").textContent =
      `${name} ${box.checked ? "selected" : "not selected"}; ${whole(this.picked.length)} selected`
    return true
  }

  #open(verb, cards) {
    const dialog = this.#dialog
    this.#rows = new Map(cards.map((card) => [card.dataset.id, rowOf(card)]))
    dialog.querySelector(".chosen").replaceChildren(...this.#rows.values())
    dialog.querySelector(`input[name="verb"][value="${verb}"]`).checked = true
    dialog.querySelector('[name="count"]').value = ""
    dialog.toggleAttribute("data-one", cards.length === 1)
    this.#follow()
    dialog.showModal()
  }

  // Nobody acts on what was so when the dialog was opened.
  #follow() {
    for (const [id, row] of this.#rows) {
      const card = store.card(id)
      if (!card) continue
      set(row, "data-state", card.state)
      set(row.querySelector("svg"), "data-state", card.state)
      set(row.querySelector("use"), "href", `#g-${card.state}`)
      write(row.querySelector(".state-word"), word(card.state))
      showAge(row.querySelector("time"), card.since)
    }
  }
}

const rowOf = (card) => {
  const { id, state } = card.dataset
  const name = card.querySelector(".name").textContent
  const service = card.querySelector(".service").textContent
  const since = card.card?.since ?? card.querySelector(".second time")?.getAttribute("datetime")
  const box = make("input", { type: "checkbox", name: "breaker", value: id, checked: "" })
  const said = make(
    "span",
    {},
    glyph(state),
    " ",
    make("b", {}, name),
    ` in ${service}: `,
    make("span", { class: "state-word" }, word(state)),
    since ? " for " : "",
    since ? timeSince(since) : make("time", { hidden: "" }),
  )
  return make("li", { "data-state": state }, make("label", { class: "check" }, box, said))
}
