// The wall on a television: it turns its pages where not all fits on one, and asks for itself again when its link ended.

import { write } from "./helpers/clock.js"
import { store } from "./live/store.js"

const PAGE_FOR = 12_000 // ms
const ASK_AGAIN_AFTER = 3_000 // ms after the link ended
const ANEW_EVERY = 3_600_000 // ms: a screen runs for months, and what it runs should be today's

export const startScreen = () => {
  const pages = document.getElementById("screen-pages")
  setInterval(() => turn(pages), PAGE_FOR)
  setInterval(() => store.connection.state === "live" && location.reload(), ANEW_EVERY)
  store.connection.addEventListener("change", () => {
    if (store.connection.state === "signed-out") setTimeout(() => location.reload(), ASK_AGAIN_AFTER)
  })
}

const turn = (pages) => {
  const { scrollHeight, clientHeight, scrollTop } = pages
  const count = Math.ceil((scrollHeight - 1) / clientHeight)
  const next = scrollTop + clientHeight < scrollHeight - 1 ? scrollTop + clientHeight : 0
  if (count > 1) pages.scrollTop = next
  const said = document.getElementById("screen-page")
  said.hidden = count <= 1
  write(said, `Page ${Math.min(count, Math.ceil(next / clientHeight) + 1)} of ${count}`)
}
