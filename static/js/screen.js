// The wall on a television: it turns its pages where not all fits on one, and asks for itself again when its link ended.

import { write } from "./helpers/clock.js"
import { store } from "./live/store.js"

const PAGE_FOR = 12_000 // ms
const CUT_AGAIN_EVERY = 1_000 // ms: the window changes, and so does the sentence above
const ASK_AGAIN_AFTER = 3_000 // ms after the link ended
const ANEW_EVERY = 3_600_000 // ms: a screen runs for months, and what it runs should be today's

let shown = 0

export const startScreen = () => {
  show()
  setInterval(() => show(1), PAGE_FOR)
  setInterval(() => show(), CUT_AGAIN_EVERY)
  // At once where cards came, went or moved: none may stay hidden that has moved up.
  const moved = new MutationObserver(() => show())
  for (const cards of document.querySelectorAll("#screen-pages .cards")) moved.observe(cards, { childList: true })
  setInterval(() => store.connection.state === "live" && location.reload(), ANEW_EVERY)
  store.connection.addEventListener("change", () => {
    if (store.connection.state === "signed-out") setTimeout(() => location.reload(), ASK_AGAIN_AFTER)
  })
}

const show = (further = 0) => {
  const pages = document.getElementById("screen-pages")
  const cards = [...pages.querySelectorAll("breaker-card")].filter((card) => card.offsetHeight)
  const said = document.getElementById("screen-page")
  const cut = cutInto(cards, pages.clientHeight)
  shown = (shown + further) % Math.max(1, cut.length)
  said.hidden = cut.length <= 1
  write(said, `Page ${shown + 1} of ${cut.length}`)
  pages.scrollTop = cut[shown]?.from ?? 0
  for (const card of cards) card.toggleAttribute("data-beyond", card.offsetTop >= (cut[shown]?.to ?? Infinity))
}

// Whole rows of cards, as many to a page as it has room for.
const cutInto = (cards, height) => {
  const found = []
  for (const card of cards) {
    const page = found.at(-1)
    if (page && card.offsetTop + card.offsetHeight <= page.from + height) page.to = card.offsetTop + card.offsetHeight
    else if (!page || card.offsetTop >= page.to) found.push({ from: card.offsetTop, to: card.offsetTop + card.offsetHeight })
  }
  return found
}
