// Making elements from texts: nothing that comes over the wire is read as HTML.

import { now } from "./clock.js"
import { age, full, stamp } from "./words.js"

/** `make("li", {class: "x", data-id: 1}, "text", element, …)`; null children are left out. */
export const make = (name, attributes = {}, ...children) => {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== false) element.setAttribute(key, value)
  element.append(...children.filter((child) => child !== null && child !== ""))
  return element
}

/** A moment as a time of day. */
export const timeAt = (iso) => make("time", { datetime: iso, title: full(iso) }, stamp(iso, now()))

/** How long ago a moment is, kept going. */
export const timeSince = (iso) =>
  make("time", { datetime: iso, title: full(iso), "data-age": "" }, age((now() - Date.parse(iso)) / 1000))

/** The sign of a state. */
export const glyph = (state) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  for (const [key, value] of [["class", "glyph"], ["data-state", state], ["viewBox", "0 0 24 24"], ["aria-hidden", "true"]]) {
    svg.setAttribute(key, value)
  }
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use")
  use.setAttribute("href", `#g-${state}`)
  svg.append(use)
  return svg
}
