// Folds: the closed breakers of each service, folded into one row of the wall.

import { write } from "./helpers/clock.js"
import { perSecond, whole } from "./helpers/words.js"

export class Folds {
  #root

  constructor(root) {
    this.#root = root
  }

  /** The list of a service's closed breakers; a service that had none gets its fold. */
  listOf(service) {
    const fold = [...this.#root.children].find((each) => each.dataset.service === service) ?? this.#new(service)
    return fold.querySelector(".cards")
  }

  /** Say how many are in each, and how much they call; an empty one is not shown. */
  say() {
    for (const fold of this.#root.children) {
      const cards = [...fold.querySelectorAll("breaker-card")]
      fold.hidden = !cards.length
      if (!cards.every((element) => element.card)) continue
      const calls = cards.reduce((total, { card }) => total + card.calls_1m, 0)
      write(fold.querySelector(".fold-said"), `${whole(cards.length)} closed · calls passing · ${perSecond(calls)}`)
    }
  }

  #new(service) {
    const fold = this.#root.firstElementChild.cloneNode(true)
    fold.open = false
    fold.dataset.service = service
    fold.querySelector("b").textContent = service
    fold.querySelector(".cards").replaceChildren()
    this.#root.append(fold)
    return fold
  }
}
