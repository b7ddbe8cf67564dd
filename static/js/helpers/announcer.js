// The announcer: one polite live region for the whole page, with what changed grouped, at most every ten seconds.

import { whole, word } from "./words.js"

const EVERY = 10_000 // ms

export class Announcer {
  #region
  #waiting = new Map() // state → names
  #timer = null
  #last = -Infinity

  constructor(region) {
    this.#region = region
  }

  /** A breaker went to another state. */
  changed(name, state) {
    if (!this.#waiting.has(state)) this.#waiting.set(state, new Set())
    for (const names of this.#waiting.values()) names.delete(name)
    this.#waiting.get(state).add(name)
    this.#timer ??= setTimeout(() => this.#say(), Math.max(0, this.#last + EVERY - performance.now()))
  }

  #say() {
    this.#timer = null
    this.#last = performance.now()
    const parts = []
    for (const [state, names] of this.#waiting) {
      if (!names.size) continue
      const who = names.size === 1 ? [...names][0] : `${whole(names.size)} breakers`
      parts.push(`${who}: now ${word(state).toLowerCase()}`)
    }
    this.#waiting.clear()
    this.#region.textContent = parts.join(". ")
  }
}
