// The search field: completions of the query language, field names first, then the values that a field may have.

const FIELDS = ["state:", "service:", "name:", "dependency:", "label.", "forced:yes", "forced:no", "incident:yes", "silenced:yes", "open>5m"]
const STATES = ["open", "forced_open", "half_open", "unknown", "stale", "disabled", "forced_closed", "closed"]
const REST = 150 // ms without a key before the server is asked
const MOST = 12

/** The word under the caret, and where it begins. Pure. */
export const wordAt = (text, caret) => {
  const quotes = (text.slice(0, caret).match(/"/g) ?? []).length
  if (quotes % 2) return null
  const start = text.slice(0, caret).search(/\S*$/)
  return { start, word: text.slice(start, caret) }
}

/** What a word asks for: {kind: "field" | "state" | "value" | "label", …}. Pure. */
export const wanted = (word) => {
  const bare = word.replace(/^-/, "")
  const [field, ...rest] = bare.split(":")
  if (!rest.length) {
    return field.startsWith("label.") ? { kind: "label", prefix: field.slice(6) } : { kind: "field", prefix: field.toLowerCase() }
  }
  const prefix = rest.join(":").split(",").at(-1).replace(/^"/, "")
  return field.toLowerCase() === "state" ? { kind: "state", prefix: prefix.toLowerCase() } : { kind: "value", field: field.toLowerCase(), prefix }
}

/** A value as it is written: in quotes where it needs them. Pure; the twin of `searching.written()`. */
export const quoted = (value) => (/[\s",*\\:<>]|^-|^$/.test(value) ? `"${value.replace(/["\\]/g, "\\$&")}"` : value)

export class QueryField {
  #input
  #list
  #timer = null
  #asked = 0
  #place = -1

  constructor(input) {
    this.#input = input
    this.#list = document.createElement("ul")
    this.#list.id = "completions"
    this.#list.className = "completions"
    this.#list.setAttribute("role", "listbox")
    this.#list.setAttribute("aria-label", "Completions")
    this.#list.hidden = true
    input.parentElement.append(this.#list)
    for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"], ["aria-controls", "completions"]]) {
      input.setAttribute(name, value)
    }
  }

  start() {
    this.#input.addEventListener("input", () => this.#soon())
    this.#input.addEventListener("keydown", (event) => this.#pressed(event))
    this.#input.addEventListener("blur", () => this.#close())
    // Before the field loses the focus.
    this.#list.addEventListener("pointerdown", (event) => {
      event.preventDefault()
      const option = event.target.closest("[role=option]")
      if (option) this.#take(option)
    })
  }

  #soon() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#complete(), REST)
  }

  async #complete() {
    const found = wordAt(this.#input.value, this.#input.selectionStart)
    if (!found?.word) return this.#close()
    const number = ++this.#asked
    const offers = await this.#offers(wanted(found.word))
    if (number !== this.#asked || document.activeElement !== this.#input) return
    const own = found.word.replace(/^-/, "")
    this.#show(offers.filter((offer) => offer !== own).slice(0, MOST))
  }

  async #offers({ kind, field, prefix }) {
    if (kind === "field") return FIELDS.filter((offer) => offer.startsWith(prefix))
    if (kind === "state") return STATES.filter((state) => state.startsWith(prefix))
    if (kind === "value" && field === "forced") return ["yes", "no"].filter((value) => value.startsWith(prefix))
    const query = new URLSearchParams({ field: kind === "label" ? "label" : field, prefix })
    const answer = await fetch(`${this.#input.dataset.completions}?${query}`).catch(() => null)
    if (!answer?.ok) return []
    const { values } = await answer.json()
    return kind === "label" ? values.map((key) => `label.${key}:`) : values.map(quoted)
  }

  #show(offers) {
    this.#place = -1
    this.#input.removeAttribute("aria-activedescendant")
    this.#list.replaceChildren(
      ...offers.map((offer, index) => {
        const option = document.createElement("li")
        option.id = `completion-${index}`
        option.setAttribute("role", "option")
        option.setAttribute("aria-selected", "false")
        option.textContent = offer
        return option
      }),
    )
    this.#list.hidden = !offers.length
    this.#input.setAttribute("aria-expanded", String(Boolean(offers.length)))
  }

  #close() {
    clearTimeout(this.#timer)
    this.#asked += 1
    this.#show([])
  }

  #pressed(event) {
    if (this.#list.hidden) return
    if (event.key === "ArrowDown") this.#select(this.#place + 1)
    else if (event.key === "ArrowUp") this.#select(this.#place - 1)
    else if (event.key === "Escape") this.#close()
    else if ((event.key === "Enter" && this.#place >= 0) || event.key === "Tab") {
      if (event.key === "Tab" && event.shiftKey) return
      this.#take(this.#list.children[Math.max(this.#place, 0)])
    } else return
    event.preventDefault()
    event.stopPropagation()
  }

  #select(place) {
    const options = [...this.#list.children]
    options[this.#place]?.setAttribute("aria-selected", "false")
    this.#place = (place + options.length) % options.length
    options[this.#place].setAttribute("aria-selected", "true")
    options[this.#place].scrollIntoView({ block: "nearest" })
    this.#input.setAttribute("aria-activedescendant", options[this.#place].id)
  }

  #take(option) {
    const { value, selectionStart: caret } = this.#input
    const { start, word } = wordAt(value, caret)
    const minus = word.startsWith("-") ? "-" : ""
    const bare = word.slice(minus.length)
    const { kind } = wanted(word)
    const keeps = kind === "field" || kind === "label" ? "" : bare.slice(0, Math.max(bare.lastIndexOf(","), bare.indexOf(":")) + 1)
    const taken = minus + keeps + option.textContent
    const goesOn = /[:.]$/.test(option.textContent)
    this.#input.setRangeText(taken + (goesOn ? "" : " "), start, caret, "end")
    if (goesOn) this.#soon()
    else this.#close()
  }
}

/** The search: an empty one leaves no trace in the address. */
export const startSearch = (form) => {
  if (!form) return
  form.addEventListener("submit", () => {
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true
  })
  new QueryField(form.elements.query).start()
}
