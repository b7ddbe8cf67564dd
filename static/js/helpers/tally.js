// The tally: the counts by state in the bar.

import { write } from "./clock.js"
import { whole } from "./words.js"
import { store } from "../live/store.js"

/** The counts in the bar. */
export const showTally = (counts) => {
  for (const row of document.getElementById("tally")?.children ?? []) {
    const count = counts[row.dataset.state] ?? 0
    write(row.querySelector("b"), whole(count))
    row.hidden = !count
  }
}

/** Keep the bar's counts: they are of the whole board, whatever the page shows of it. `heard(counts)` hears of them too. */
export const startTally = (heard = () => {}) =>
  store.subscribe("tally", ({ kind, counts, data }) => {
    const told = counts ?? data?.counts
    if (kind === "error" || !told) return
    showTally(told)
    heard(told)
  })
