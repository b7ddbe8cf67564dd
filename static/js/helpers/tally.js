// The tally: the counts by state in the bar.

import { write } from "./clock.js"
import { SEVERITY, whole } from "./words.js"
import { store } from "../live/store.js"

/** The counts in the bar. */
export const showTally = (counts) => {
  for (const row of document.getElementById("tally")?.children ?? []) {
    const count = counts[row.dataset.state] ?? 0
    write(row.querySelector("b"), whole(count))
    row.hidden = !count
  }
}

/** Keep the bar's counts on pages without a wall: only the troubled ones are heard of. */
export const startTally = () => {
  const troubled = SEVERITY.filter((state) => state !== "closed").join(",")
  const listen = ({ counts, data }) => (counts ?? data?.counts) && showTally(counts ?? data.counts)
  store.subscribe("wall", listen, { filter: `state=${troubled}`, limit: 1 })
}
