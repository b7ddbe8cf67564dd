// Keys: one table, which is also the sheet that `?` shows. They can be switched off there (WCAG 2.1.4).

import { make } from "./making.js"
import { keep, kept } from "./preferences.js"
import { turnZone } from "./zone.js"

const PLACES = { o: "/", m: "/map/", i: "/incidents/", a: "/alerts/", s: "/sources/", u: "/audit/" }
const SECOND_KEY_WITHIN = 1_000 // ms

const KEYS = [
  ["/", "find breakers", () => focus(".filter input:not([type=hidden]), input[type=search]")],
  ["j", "next breaker or alert", () => step(1)],
  ["k", "the one before", () => step(-1)],
  ["x", "select a breaker of the wall, or let it go", () => ask("select")],
  ["a", "acknowledge: an alert, or what fires for the selected breakers", () => ask("acknowledge") || focus(".acknowledge input:not([type=hidden])")],
  ["s", "silence the selected breakers, or the one with the focus", () => ask("silence") || open("[data-silence]")],
  ["r", "reset them: opens the order", () => ask("reset") || open("[data-order=reset]")],
  ["t", "times in UTC, or in this browser's zone", () => turnZone()],
  ["w", "wall mode for a television, and back", () => wallMode()],
  ["?", "this sheet", () => showSheet()],
]
// What works by itself, said for those who look for it.
const TOLD = [
  ["Enter", "open what has the focus"],
  ["← → ↑ ↓", "from cell to cell of a large wall"],
  ["Esc", "close a menu or a dialog"],
]

let going = 0

export const startKeys = () => {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeMenus()
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || switchedOff()) return
    if (document.querySelector("dialog[open]")) return
    if (pressed(event.key, event.timeStamp)) event.preventDefault()
  })
  document.addEventListener("click", ({ target }) => {
    if (target.closest("[data-keys]")) showSheet()
    for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(target)) menu.open = false
  })
}

const pressed = (key, at) => {
  if (going && at - going < SECOND_KEY_WITHIN && PLACES[key]) {
    return open(barLink(PLACES[key]))
  }
  going = key === "g" ? at : 0
  const found = KEYS.find(([name]) => name === key)
  return found ? found[2]() : false
}

const focus = (selector) => {
  const field = document.querySelector(selector)
  field?.focus()
  field?.select?.()
  return Boolean(field)
}

const open = (selector) => {
  const link = document.querySelector(selector)
  link?.click()
  return Boolean(link)
}

// What the screen makes of a verb is its own affair; the wall does it to what is selected, or has the focus.
const ask = (verb) => !document.dispatchEvent(new CustomEvent("verb", { detail: verb, cancelable: true }))

const step = (by) => {
  const links = [...document.querySelectorAll("breaker-card .name a, .alert-title a")].filter((link) => link.offsetParent)
  if (!links.length) return false
  const place = links.indexOf(document.activeElement)
  links[place < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(place + by, 0), links.length - 1)].focus()
  return true
}

const wallMode = () => {
  const { back, screen } = document.body.dataset
  if (screen !== undefined) {
    if (!back) return false
    location.assign(back)
    return true
  }
  const query = document.getElementById("wall") ? location.search : ""
  location.assign(`/screen/${query}`)
  return true
}

const showSheet = () => {
  const sheet = document.getElementById("keys") ?? document.body.appendChild(makeSheet())
  sheet.querySelector("input").checked = !switchedOff()
  sheet.showModal()
  return true
}

const makeSheet = () => {
  const works = make("input", { type: "checkbox" })
  works.addEventListener("change", () => keep("keys", works.checked ? null : "off"))
  // Only where the bar leads too: a screen on a wall goes nowhere.
  const places = Object.entries(PLACES).map(([key, place]) => [key, document.querySelector(barLink(place))])
  const told = places.filter(([, link]) => link).map(([key, link]) => [`g ${key}`, `go to: ${link.textContent.trim()}`])
  const rows = [...KEYS, ...told, ...TOLD].map(([key, said]) =>
    make("div", {}, make("dt", {}, ...key.split(" ").map((each) => make("kbd", {}, each))), make("dd", {}, said)),
  )
  const shut = make("button", { class: "button", autofocus: "" }, "Close")
  const sheet = make(
    "dialog",
    { id: "keys", class: "dialog keys", "aria-labelledby": "keys-head" },
    make("h2", { id: "keys-head" }, "Keys"),
    make("dl", { class: "key-list" }, ...rows),
    make("form", { method: "dialog", class: "dialog-end" }, make("label", { class: "keys-switch" }, works, " Keys work"), shut),
  )
  return sheet
}

const barLink = (place) => `.screens-nav a[href="${place}"]`

const closeMenus = () => {
  for (const menu of document.querySelectorAll(".menu[open]")) menu.open = false
}

// A box that is ticked takes no letters: the keys work beside it.
const typing = (target) => target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]")

const switchedOff = () => kept("keys") === "off"
