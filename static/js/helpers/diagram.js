// The state diagram's picture, worked out from the page of a frame. The twin of dashboard/pages/diagram.py.

import { second } from "./face.js"
import { age, length, short, whole, word } from "./words.js"

const CALM = { closed: "calls passing", open: "calls refused", half_open: "lets a few calls try" }
export const MAIN = Object.keys(CALM)
const ARROWS = [
  ["closed", "open"],
  ["open", "half_open"],
  ["half_open", "closed"],
  ["half_open", "open"],
]

/** What is drawn of {card, paths, config} at `now` (ms since 1970). */
export const diagram = ({ card, paths, config }, now) => {
  const taken = new Map(paths.map((path) => [`${path.from_state} ${path.to_state}`, path]))
  const newest = paths.reduce((best, path) => (!best || path.last_at > best.last_at ? path : best), null)
  const ring = card.state === "open" ? ringOf(card, now) : null
  return {
    nodes: MAIN.map((state) => nodeOf(state, card, ring)),
    extra: MAIN.includes(card.state) ? null : { state: card.state, word: word(card.state), now: true, second: second(card) },
    arrows: ARROWS.map(([from, to]) => {
      const path = taken.get(`${from} ${to}`)
      return {
        from,
        to,
        count: path?.count ?? 0,
        rule: rule(from, to, config),
        lastAt: path?.last_at ?? "",
        newest: newest?.from_state === from && newest?.to_state === to,
      }
    }),
    ring,
    description: describe(card, paths),
  }
}

export const ringOf = (card, now) => {
  if (!card.next_probe_at) return null
  const [start, end] = [Date.parse(card.since), Date.parse(card.next_probe_at)]
  const left = end - now
  const over = end <= start ? 100 : Math.round(Math.min(Math.max(1 - left / (end - start), 0), 1) * 100)
  return { percent: over, text: left > 0 ? `probe in ${age(left / 1000)}` : "due, awaits a call" }
}

const nodeOf = (state, card, ring) => {
  const here = state === card.state
  let said = here ? { before: "for ", at: card.since, after: "" } : { before: CALM[state], at: "", after: "" }
  if (state === "half_open" && ring) said = { before: ring.text, at: "", after: "" }
  return { state, word: word(state), now: here, second: said }
}

export const rule = (from, to, config) => {
  if (from === "closed") return trips(config)
  if (from === "open") {
    const wait = number(config, "reset_timeout_ms")
    return wait === null ? "a probe began" : `after ${length(wait / 1000)}`
  }
  if (to === "open") return "a probe failed"
  const good = number(config, "success_threshold")
  return good === null ? "a probe succeeded" : `${short(good)} good in a row`
}

const trips = (config) => {
  const [rate, least] = [number(config, "failure_rate_threshold"), number(config, "minimum_calls")]
  if (rate !== null) return `fail ≥ ${short(rate)} %${least === null ? "" : ` of ≥ ${short(least)} calls`}`
  const [failures, window] = [number(config, "failure_threshold"), number(config, "window_ms")]
  if (failures !== null) return `${short(failures)} failures ${window === null ? "in a row" : `in ${length(window / 1000)}`}`
  return "rule not told"
}

const number = (config, name) => (typeof config[name] === "number" && config[name] >= 0 ? config[name] : null)

const describe = (card, paths) => {
  const steps = paths.map((path) => `${word(path.from_state)} to ${word(path.to_state)} ${whole(path.count)} time${path.count === 1 ? "" : "s"}`)
  return `Now ${word(card.state)}. In the last 24 hours: ${steps.join(", ") || "no step was taken"}.`
}
