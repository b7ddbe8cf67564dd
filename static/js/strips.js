// The strips of a large wall: one cell a breaker, its state and nothing else. Arrow keys move from cell to cell.

import { set, write } from "./helpers/clock.js"
import { whole, word } from "./helpers/words.js"
import { store } from "./live/store.js"

const SVG = "http://www.w3.org/2000/svg"
const REST = 3_000 // ms without a move of pointer or focus before cells close up

export class Strips {
  #root
  #cells = new Map() // id → element
  #rows = new Map() // row → how many of its cells are open, and how many there are
  #dirty = new Set() // rows whose numbers may have changed
  #strange
  #counted
  #lastMove = -Infinity
  #sweeping = null

  /** `counted(counts)` hears how many are in which state; `strange()` that there are breakers without a cell. */
  constructor(root, { counted, strange }) {
    this.#root = root
    this.#counted = counted
    this.#strange = strange
  }

  start() {
    for (const cell of this.#root.querySelectorAll(".cells > i")) {
      this.#cells.set(cell.dataset.id, cell)
      this.#counts(cell, 1)
    }
    for (const row of this.#root.querySelectorAll(".cells")) if (row.firstElementChild) reachable(row.firstElementChild)
    this.#root.addEventListener("keydown", (event) => this.#pressed(event))
    for (const event of ["pointermove", "focusin", "keydown"]) {
      this.#root.addEventListener(event, () => (this.#lastMove = performance.now()), { passive: true })
    }
    this.#root.addEventListener("click", ({ target }) => open(target.closest(".cells > i")))
    if (!this.#root.hasAttribute("data-cells")) return
    // Polls tell of cards, not of cells: without the live line these are old, and look it.
    const wait = () => this.#root.toggleAttribute("data-waiting", store.connection.state !== "live")
    store.connection.addEventListener("change", wait)
    wait()
    const { filter, cursor } = this.#root.dataset
    store.subscribe("cells", (message) => this.#heard(message), { filter }, cursor)
  }

  #heard({ kind, data, counts }) {
    if (kind === "error") return
    const items = kind === "snapshot" ? data.items : data
    if (kind === "snapshot") this.#forget(new Set(items.map(({ id }) => id)))
    let strange = false
    for (const item of items) strange = !this.#show(item) || strange
    for (const row of this.#dirty) this.#write(row)
    this.#dirty.clear()
    const told = counts ?? data.counts
    if (told) this.#counted(told)
    if (strange) this.#strange()
  }

  #forget(ids) {
    for (const id of this.#cells.keys()) if (!ids.has(id)) this.#remove(id)
  }

  /** Whether there is a place for it. */
  #show({ id, state, removed }) {
    if (removed) return this.#remove(id)
    const cell = this.#cells.get(id)
    if (!cell) return false
    if ((cell.dataset.state ?? "closed") === state) return true
    this.#counts(cell, -1)
    draw(cell, state)
    this.#counts(cell, 1)
    return true
  }

  #remove(id) {
    const cell = this.#cells.get(id)
    if (cell) {
      this.#counts(cell, -1)
      this.#cells.delete(id)
      if (this.#pointedAt()) this.#leaving(cell)
      else cell.remove()
    }
    return true
  }

  // Under the pointer, or around the cell with the focus, those behind it would move up: it leaves its place empty meanwhile.
  #leaving(cell) {
    set(cell, "data-gone", "")
    clearTimeout(this.#sweeping)
    this.#sweeping = setTimeout(() => this.#sweep(), REST)
  }

  #sweep() {
    if (this.#pointedAt()) this.#sweeping = setTimeout(() => this.#sweep(), REST)
    else for (const cell of this.#root.querySelectorAll("[data-gone]")) cell.remove()
  }

  #pointedAt() {
    const touched = this.#root.matches(":has(.cells:hover, .cells :focus)")
    return touched && performance.now() - this.#lastMove < REST
  }

  // Counted as they change: to look at every cell again took longer than to draw those that changed.
  #counts(cell, by) {
    const row = cell.closest(".strip-row")
    const known = this.#rows.get(row) ?? { opened: 0, all: 0 }
    known.all += by
    if (cell.dataset.state === "open") known.opened += by
    this.#rows.set(row, known)
    this.#dirty.add(row)
  }

  #write(row) {
    const { opened, all } = this.#rows.get(row)
    row.toggleAttribute("data-open", opened > 0)
    write(row.querySelector(".strip-said"), `${whole(opened)} open / ${whole(all)}`)
  }

  #pressed(event) {
    const cell = event.target.closest(".cells > i")
    if (!cell || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === "Enter") open(cell)
    else {
      const next = neighbour(cell, event.key)
      if (!next) return
      reachable(next)
      next.focus()
    }
    event.preventDefault()
  }
}

const open = (cell) => cell && location.assign(`/breakers/${encodeURIComponent(cell.dataset.id)}/`)

// A sign that was drawn once stays, hidden while closed: to hide it costs a painting, to take it away the layout of its line.
const draw = (cell, state) => {
  if (state === "closed") cell.removeAttribute("data-state")
  else {
    set(cell, "data-state", state)
    if (!cell.firstElementChild) {
      const glyph = document.createElementNS(SVG, "svg")
      for (const [name, value] of [["class", "glyph"], ["viewBox", "0 0 24 24"], ["aria-hidden", "true"]]) glyph.setAttribute(name, value)
      glyph.append(document.createElementNS(SVG, "use"))
      cell.append(glyph)
    }
    set(cell.querySelector("use"), "href", `#g-${state}`)
  }
  if (cell.tabIndex === 0) named(cell)
}

// One cell of a line can be reached by Tab, the others from there: only that one has a role and a name.
const reachable = (cell) => {
  for (const other of cell.parentElement.querySelectorAll("[tabindex]")) {
    for (const name of ["tabindex", "role", "aria-label"]) other.removeAttribute(name)
  }
  cell.tabIndex = 0
  set(cell, "role", "link")
  named(cell)
}

const named = (cell) => set(cell, "aria-label", `${cell.title}, ${word(cell.dataset.state ?? "closed").toLowerCase()}`)

const neighbour = (cell, key) => {
  const line = cell.parentElement
  const row = cell.closest(".strip-row")
  switch (key) {
    case "ArrowRight":
      return cell.nextElementSibling
    case "ArrowLeft":
      return cell.previousElementSibling
    case "Home":
      return line.firstElementChild
    case "End":
      return line.lastElementChild
    case "ArrowDown":
    case "ArrowUp": {
      const cells = [...line.children]
      const columns = cells.filter(({ offsetTop }) => offsetTop === cells[0].offsetTop).length
      const place = cells.indexOf(cell)
      const next = cells[place + (key === "ArrowDown" ? columns : -columns)]
      if (next) return next
      const other = key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling
      const others = [...(other?.querySelector(".cells").children ?? [])]
      if (key === "ArrowDown") return others[Math.min(place % columns, others.length - 1)]
      const last = others.length - 1 - ((others.length - 1) % columns)
      return others[Math.min(last + (place % columns), others.length - 1)]
    }
  }
}
