// Said: commands, events and deliveries in words. The twin of dashboard/pages/said.py.

import { age, short, tenths, whole, word } from "./words.js"

const VERBS = {
  probe: "Probe",
  reset: "Reset",
  force_open: "Force open",
  force_closed: "Force closed",
  disable: "Disable",
  release: "Release",
}
const VERDICTS = { held: "Held", did_not_hold: "Did not hold", unproved: "Unproved" }
const EVENTS = {
  state_change: "State change",
  failure: "Failure",
  timeout: "Timeout",
  rejected: "Refused",
  success: "Success",
  slow: "Slow call",
  retry: "Retry",
  fallback: "Fallback",
  ignored: "Ignored error",
  heartbeat: "Heartbeat",
  reset: "Counters cleared",
  stopped: "Stopped",
}

export const verbWord = (action) => VERBS[action] ?? action
export const verdictWord = (verdict) => VERDICTS[verdict] ?? verdict
export const eventWord = (kind) => EVENTS[kind] ?? kind

/** What an event tells beyond its type. */
export const eventDetail = (event) => {
  const parts = []
  if (event.to_state) {
    parts.push(event.from_state ? `${word(event.from_state)} → ${word(event.to_state)}` : word(event.to_state))
  }
  if (event.error) parts.push([event.error.type, event.error.message].filter(Boolean).join(": "))
  if (event.duration_ms !== null) parts.push(`${short(event.duration_ms)} ms`)
  const reason = typeof event.reason === "string" ? event.reason : (event.reason?.text ?? event.reason?.metric)
  if (reason) parts.push(reason)
  return parts.join(" · ")
}

/** What a verdict rests on. */
export const evidenceWords = (evidence) => {
  if (!evidence) return ""
  const { calls, failures, instances: many, reopened_after_s: reopened, watched_s: watched } = evidence
  const parts = []
  if (typeof reopened === "number") parts.push(`re-opened after ${age(reopened)}`)
  if (typeof calls === "number") {
    const over = many > 1 ? ` over ${whole(many)} instances` : ""
    parts.push(`${whole(calls)} call${calls === 1 ? "" : "s"}${over}`)
    if (calls && typeof failures === "number") parts.push(`${whole(failures)} failed${share(failures, calls)}`)
  }
  if (typeof watched === "number") parts.push(`watched for ${age(watched)}`)
  return parts.join(", ")
}

// What share failed, in words that never round a failure, or a success, away.
const share = (failures, calls) => {
  const rate = (100 * failures) / calls
  if (!failures || failures === calls) return ""
  return rate < 0.1 ? " (under 0.1 %)" : rate > 99.9 ? " (over 99.9 %)" : ` (${tenths(rate)} %)`
}

/** The way of a command to one instance: received, applied, confirmed, judged; or where it ended. */
export const steps = (delivery) => {
  const way = [
    { name: "delivered", word: "received", at: delivery.delivered_at },
    { name: "applied", word: "applied", at: delivery.applied_at },
    { name: "confirmed", word: "confirmed", at: delivery.confirmed_at },
  ]
  if (delivery.status === "failed" || delivery.status === "expired") {
    return [...way.filter((step) => step.at), { name: delivery.status, word: delivery.status, at: null }]
  }
  if (delivery.verdict) way.push({ name: delivery.verdict, word: verdictWord(delivery.verdict).toLowerCase(), at: null })
  return way
}
