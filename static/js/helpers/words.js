// Words: how states, ages and numbers read on screen. The twin of dashboard/pages/words.py; a test holds them together.

export const WORDS = {
  closed: "Closed",
  half_open: "Half-open",
  open: "Open",
  forced_open: "Forced open",
  forced_closed: "Forced closed",
  disabled: "Disabled",
  stale: "Stale",
  unknown: "Unknown",
  gone: "Gone",
}

// Worst first: the order of the headline.
export const SEVERITY = ["open", "forced_open", "half_open", "unknown", "stale", "disabled", "forced_closed", "closed"]
export const DASH = "–"
const NO_MATCH = "No breaker matches."

export const word = (state) => WORDS[state] ?? state

export const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0)

/** The wall's sentence, of all breakers or of those that a search finds. */
export const wallSentence = (counts, filtered) => (sum(counts) || !filtered ? sentence(counts) : NO_MATCH)

/** The wall in one sentence. */
export const sentence = (counts) => {
  const total = sum(counts)
  const of = (...states) => states.reduce((n, state) => n + (counts[state] ?? 0), 0)
  const named = [
    [of("open"), "open"],
    [of("half_open"), "testing"],
    [of("forced_open", "forced_closed"), "forced"],
    [of("disabled"), "disabled"],
    [of("stale"), "stale"],
    [of("unknown"), "unknown"],
  ]
  const parts = named.filter(([count]) => count).map(([count, name]) => `${whole(count)} ${name}`)
  if (!total) return "No breakers yet."
  if (!parts.length) return total === 1 ? "The one breaker is closed." : `All ${whole(total)} closed.`
  return `${parts.join(", ")}, of ${whole(total)}.`
}

/** A span of time in its two largest units: `42 s`, `4 m 12 s`, `3 h 5 m`, `2 d 4 h`. */
export const age = (seconds) => {
  const s = Math.max(0, Math.trunc(seconds))
  const two = (large, unit, small, rest) => (small ? `${large} ${unit} ${small} ${rest}` : `${large} ${unit}`)
  if (s < 60) return `${s} s`
  if (s < 3600) return two(Math.floor(s / 60), "m", s % 60, "s")
  if (s < 86_400) return two(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "m")
  return two(Math.floor(s / 86_400), "d", Math.floor((s % 86_400) / 3600), "h")
}

const grouped = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",")

export const whole = (number) => grouped(Math.floor(number + 0.5))

export const tenths = (number) => {
  const n = Math.floor(number * 10 + 0.5)
  return `${grouped(Math.floor(n / 10))}.${n % 10}`
}

export const short = (number) => tenths(number).replace(/\.0$/, "")

/** What is not nothing, and not all, never reads as if it were. */
export const percent = (rate) => {
  if (rate === null || rate === undefined) return DASH
  if (rate > 0 && rate < 0.05) return "<0.1 %"
  return rate >= 99.95 && rate < 100 ? ">99.9 %" : `${tenths(rate)} %`
}

export const perSecond = (aMinute) => {
  if (aMinute === 0) return "0/s"
  if (aMinute < 3) return "<0.1/s"
  return aMinute >= 600 ? `${whole(aMinute / 60)}/s` : `${tenths(aMinute / 60)}/s`
}

/** How long something took, exactly where it was short: `40 ms`, `9.3 s`, `4 m 12 s`. */
export const lasted = (seconds) => {
  if (seconds === null) return DASH
  if (seconds > 0 && seconds < 0.1) return `${Math.max(1, Math.floor(seconds * 1000 + 0.5))} ms`
  return seconds < 10 ? `${tenths(seconds)} s` : age(seconds)
}

/** A length that was set: as it was, where it is short. */
export const length = (seconds) => {
  if (seconds > 0 && seconds < 0.1) return lasted(seconds)
  return seconds < 60 && !Number.isInteger(seconds) ? `${short(seconds)} s` : age(seconds)
}

/** A sum of times, in minutes as budgets count them: `0.4 min`, `12 min`. */
export const minutes = (seconds) => {
  if (seconds > 0 && seconds < 3) return "<0.1 min"
  return `${seconds < 600 ? short(seconds / 60) : whole(seconds / 60)} min`
}

// One zone for all times of a page: UTC, as the server has them, unless the page says otherwise.
let zone = { offsetAt: () => 0, nameAt: () => "UTC" }

/** Tell times in another zone from now on: how far it is from UTC at a moment (ms), and its name then. */
export const useZone = (other) => {
  zone = other
}

const moved = (moment) => {
  const at = new Date(moment)
  return new Date(at.getTime() + zone.offsetAt(at)).toISOString()
}

export const zoneName = (moment) => zone.nameAt(new Date(moment))

/** How far the zone is from UTC at a moment, in ms. */
export const zoneOffset = (moment) => zone.offsetAt(new Date(moment))

/** The time of day, to the minute; to the second, with its date where that is not today's. */
export const clock = (iso) => moved(iso).slice(11, 16)

export const stamp = (iso, now) => {
  const text = moved(iso)
  const time = text.slice(11, 19)
  return text.slice(0, 10) === moved(now).slice(0, 10) ? time : `${text.slice(0, 10)} ${time}`
}

/** Date and time with the zone's name, and in UTC beside it where that is another. */
export const full = (iso) => {
  const said = (text, name) => `${text.slice(0, 19).replace("T", " ")} ${name}`
  const utc = said(new Date(iso).toISOString(), "UTC")
  return zoneName(iso) === "UTC" ? utc : `${said(moved(iso), zoneName(iso))} (${utc})`
}
