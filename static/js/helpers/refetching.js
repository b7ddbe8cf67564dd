// Pages that are worked out from many breakers: asked for again when any of them changed, not more often than is of use.

import { store } from "../live/store.js"

const EVERY = 2_000 // ms

/** Call `show(answer)` with what `address` answers, whenever something changed on the board. */
export const refetching = (address, show) => {
  let askedAt = -Infinity
  let asking = false
  let wanted = false
  let timer = null

  const ask = async () => {
    timer = null
    if (asking || document.hidden) return
    wanted = false
    asking = true
    askedAt = performance.now()
    const answer = await fetch(address).catch(() => null)
    if (answer?.ok) show(await answer.json())
    asking = false
    if (wanted) soon()
  }
  const soon = () => {
    wanted = true
    if (!asking) timer ??= setTimeout(ask, Math.max(0, askedAt + EVERY - performance.now()))
  }

  // It tells that something changed, and nothing of what.
  store.subscribe("tally", ({ kind }) => kind !== "error" && soon())
  document.addEventListener("visibilitychange", () => wanted && soon())
}
