// The board's clock: the server's time as far as we know it, and one beat a second for everything that ages.
//
// Ages are worked out from moments at each beat, never counted: timers sleep in hidden tabs.

import { age, full } from "./words.js"

const BEAT = 1_000 // ms

// A browser's clock may be off by minutes; the page says what time the server had when it was made.
const made = Date.parse(document.body.dataset.now ?? "")
const skew = Number.isNaN(made) ? 0 : made - (performance.timeOrigin + responseStart())

const beats = new Set()

let fixed = null

export const now = () => fixed ?? Date.now() + skew

/** Let the clock stand at a moment: a page of the past has the ages of then. */
export const fix = (at) => {
  fixed = at
  beat()
}

/** Call `listener(now)` at each beat while the page is in view. Returns how to stop. */
export const onBeat = (listener) => {
  beats.add(listener)
  return () => beats.delete(listener)
}

/** Make `element` show the age of a moment from now on; without one it is hidden. */
export const showAge = (element, iso) => {
  if (iso) {
    set(element, "datetime", iso)
    if (element.localName === "time") set(element, "title", full(iso))
    element.removeAttribute("hidden")
    write(element, age((now() - Date.parse(iso)) / 1000))
  } else {
    element.removeAttribute("datetime")
    element.removeAttribute("title")
    if (element.localName === "time") element.setAttribute("hidden", "")
    write(element, "")
  }
}

/** Write a text only where it differs: an equal one would cost a layout. */
export const write = (element, text) => {
  const node = element.firstChild
  if (node?.nodeType === Node.TEXT_NODE && !node.nextSibling) {
    if (node.data !== text) node.data = text
  } else if (element.textContent !== text) element.textContent = text
}

export const set = (element, name, value) => {
  const text = String(value)
  if (element.getAttribute(name) !== text) element.setAttribute(name, text)
}

function responseStart() {
  return performance.getEntriesByType("navigation")[0]?.responseStart ?? 0
}

const beat = () => {
  if (document.hidden) return
  const at = now()
  for (const element of document.querySelectorAll("[data-age][datetime]")) {
    write(element, age((at - Date.parse(element.getAttribute("datetime"))) / 1000))
  }
  for (const listener of beats) listener(at)
}

setInterval(beat, BEAT)
document.addEventListener("visibilitychange", beat)
