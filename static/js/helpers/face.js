// Faces: what a breaker's card shows, worked out from the card of a frame. The twin of dashboard/pages/faces.py.

import { clock, perSecond, percent, short, sum, whole, word } from "./words.js"

const STRIP_SECONDS = 900
const NARROWEST = 6 // seconds: two pixels of the narrowest card, so that a short opening stays visible
const HEIGHTS = { closed: 3, forced_closed: 3, disabled: 3, stale: 5, unknown: 5, half_open: 7 }
const RULES = { any: "any instance", majority: "the majority", all: "all instances" }
const SILENT = ["stale", "unknown"]
const REFUSING = ["open", "forced_open"]

/** The face of a card at `now` (ms since 1970). */
export const face = (card, now) => ({
  id: card.id,
  version: card.version,
  state: card.state,
  word: word(card.state),
  second: second(card),
  name: card.name,
  service: card.service,
  dependency: card.dependency,
  error: card.state === "open" || card.state === "half_open" ? (card.last_error_type ?? "") : "",
  numbers: [failing(card), load(card), copies(card)],
  strip: strip(card.strip_15m, now),
  stripLabel: stripLabel(card.strip_15m, now),
  silenced: card.silenced_until ? `silenced until ${clock(card.silenced_until)}` : "",
  rule: `${RULES[card.headline]} of ${whole(sum(card.instances))}`,
  unmet: unmet(card),
})

// The states in which an override shows.
const SHOWS = { force_open: ["forced_open", "open"], force_closed: ["forced_closed"], disable: ["disabled"] }

/** At how many instances the wanted override is not seen. */
const unmet = ({ instances, wanted }) => {
  const total = sum(instances)
  const shown = SHOWS[wanted?.action]
  const missing = shown ? shown.reduce((rest, state) => rest - (instances[state] ?? 0), total) : 0
  return missing ? `not seen at ${whole(missing)} of ${whole(total)} instance${total === 1 ? "" : "s"}` : ""
}

/** The line beside the state's word: two texts, and between them the age of a moment (or none). */
export const second = (card) => {
  const { wanted, since, state } = card
  const until = wanted?.until ? clock(wanted.until) : ""
  const said = (before, at = "", after = "") => ({ before, at, after })
  switch (state) {
    case "closed":
      return said("calls passing")
    case "half_open":
      return said("testing · ", since)
    case "open":
      return said("calls refused · ", since)
    case "forced_open":
      if (!until) return said("calls refused · ", since)
      return said(wanted.by ? `by ${wanted.by} until ${until}` : `until ${until}`)
    case "forced_closed":
      return until ? said(`protection off until ${until}`) : said("protection off · ", since)
    case "disabled":
      return said(until ? `passing, not counting until ${until}` : "passing, not counting")
    case "stale":
      if (card.last_event_at) {
        return said("last heard ", card.last_event_at, card.reported_state ? ` ago, was ${word(card.reported_state)}` : " ago")
      }
  }
  return card.last_event_at ? said("silent for ", card.last_event_at) : said("never heard")
}

/** The last 15 minutes as bars, the worst drawn last so that nothing hides it. */
export const strip = (spans, now) => {
  const bars = []
  for (const span of spans) {
    const left = secondOf(span.from, now)
    const right = span.to === null ? STRIP_SECONDS : secondOf(span.to, now)
    if (right <= 0 && span.to !== null) continue
    const width = Math.max(right - left, NARROWEST)
    const height = HEIGHTS[span.state] ?? 10
    bars.push({ state: span.state, x: Math.min(left, STRIP_SECONDS - width), y: 12 - height, width, height })
  }
  return bars.sort((one, other) => one.height - other.height)
}

const secondOf = (iso, now) => Math.min(Math.max(STRIP_SECONDS - Math.floor((now - Date.parse(iso)) / 1000), 0), STRIP_SECONDS)

// How often it tripped: an outage goes on through failed probes and silence, until it is closed.
const stripLabel = (spans, now) => {
  const first = Math.floor(now) - STRIP_SECONDS * 1000
  // The outage under way, by when it began; a strip that begins with a probe came out of one.
  let begun = spans[0]?.state === "half_open" ? Math.min(Date.parse(spans[0].from), first - 1) : null
  let before = false
  let openings = 0
  for (const { state, from, to } of spans) {
    const at = Date.parse(from)
    if (state === "open" && begun === null) {
      begun = at
      if (at >= first) openings += 1
    } else if (state === "closed") begun = null
    before ||= begun !== null && begun < first && (to === null || Date.parse(to) > first)
  }
  const said = openings ? [`${openings} opening${openings === 1 ? "" : "s"}`] : []
  return `Last 15 minutes: ${[...(before ? ["an outage from before"] : []), ...said].join(", ") || "not open"}`
}

const failing = (card) => {
  const threshold = card.failure_rate_threshold
  const caption = threshold === null ? "fail" : `fail, trips at ${short(threshold)}`
  return { value: percent(card.failure_rate_1m), caption: card.calls_1m ? caption : "no calls" }
}

const load = (card) =>
  REFUSING.includes(card.state)
    ? { value: perSecond(card.rejected_1m), caption: "refused" }
    : { value: perSecond(card.calls_1m), caption: "calls" }

const copies = (card) => {
  const state = card.state === "closed" ? "open" : card.state
  const silent = SILENT.reduce((n, name) => n + (card.instances[name] ?? 0), 0)
  const caption = word(state).toLowerCase()
  return {
    value: `${whole(card.instances[state] ?? 0)}/${whole(sum(card.instances))}`,
    caption: silent && !SILENT.includes(card.state) ? `${caption}, ${whole(silent)} silent` : caption,
  }
}
