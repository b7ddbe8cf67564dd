// What a calm wall remembers: its last trip. Hidden as soon as anything is not closed; asked for again when all is, and when
// something tripped and closed meanwhile.

import { set, showAge, write } from "./clock.js"
import { sum } from "./words.js"

const REST = 1_000 // ms: the others of a recovery follow

let calm = null // whether all is closed, as far as we heard
let timer = null

/** Show or hide it by the counts of all breakers. */
export const showCalm = (counts) => {
  const line = document.getElementById("last-trip")
  if (!line) return
  const now = sum(counts) > 0 && sum(counts) === (counts.closed ?? 0)
  if (!now) line.hidden = true
  else if (!calm) tripMayDiffer()
  calm = now
}

/** Something tripped, or closed. */
export const tripMayDiffer = () => {
  const line = document.getElementById("last-trip")
  if (line) timer ??= setTimeout(() => ask(line), REST)
}

const ask = async (line) => {
  timer = null
  if (!calm) return
  const answer = await fetch(line.dataset.source).catch(() => null)
  if (!answer?.ok) return
  const { trip } = await answer.json()
  if (trip) {
    const link = line.querySelector("a")
    write(link, trip.breaker)
    set(link, "href", trip.href)
    write(line.querySelector("[data-trip=service]"), trip.service)
    showAge(line.querySelector("time"), trip.started_at)
    write(line.querySelector("[data-trip=lasted]"), trip.lasted)
  }
  line.hidden = !calm || !trip
}
