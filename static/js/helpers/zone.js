// The zone of all times on the page: the browser's, or UTC by a key. The server draws UTC; here it is written anew.

import { now, set, write } from "./clock.js"
import { full, stamp, useZone, zoneName } from "./words.js"

const MINUTE = 60_000 // ms

const nameAt = (at) => {
  const parts = new Intl.DateTimeFormat(undefined, { timeZoneName: "short" }).formatToParts(at)
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? "local"
}
const LOCAL = { offsetAt: (at) => -at.getTimezoneOffset() * MINUTE, nameAt }
const UTC = { offsetAt: () => 0, nameAt: () => "UTC" }

const wishesUtc = () => {
  try {
    return localStorage.getItem("zone") === "utc"
  } catch {
    return false
  }
}

/** Before anything is drawn by a script. */
export const startZone = () => {
  useZone(wishesUtc() ? UTC : LOCAL)
  if (zoneName(now()) !== "UTC") rewrite()
}

/** UTC where it was the browser's, and back; kept in this browser. */
export const turnZone = () => {
  const utc = !wishesUtc()
  try {
    if (utc) localStorage.setItem("zone", "utc")
    else localStorage.removeItem("zone")
  } catch {
    // No storage: the choice holds for this page.
  }
  useZone(utc ? UTC : LOCAL)
  rewrite()
  document.dispatchEvent(new Event("zone"))
  return true
}

const rewrite = () => {
  const at = now()
  for (const time of document.querySelectorAll("time[datetime]")) {
    const iso = time.getAttribute("datetime")
    set(time, "title", full(iso))
    if (!time.hasAttribute("data-age")) write(time, stamp(iso, at))
  }
  for (const name of document.querySelectorAll("[data-zone-name]")) write(name, zoneName(at))
  for (const card of document.querySelectorAll("breaker-card")) if (card.card) card.show(card.card)
}
