// Preferences of this browser: the theme, the green of closed breakers, the zone. theme.js applies the looks before the first paint.

import { turnZone } from "./zone.js"

const root = document.documentElement

export const startPreferences = () => {
  const box = document.querySelector(".preferences")
  if (!box) return
  box.hidden = false
  for (const radio of box.querySelectorAll("[name=theme]")) {
    radio.checked = radio.value === (root.dataset.theme ?? "")
    radio.addEventListener("change", () => chooseTheme(radio.value))
  }
  const green = box.querySelector("[name=green]")
  green.checked = root.hasAttribute("data-green")
  green.addEventListener("change", () => {
    root.toggleAttribute("data-green", green.checked)
    keep("green", green.checked ? "on" : null)
  })
  const utc = box.querySelector("[name=utc]")
  const show = () => (utc.checked = kept("zone") === "utc")
  show()
  utc.addEventListener("change", turnZone)
  document.addEventListener("zone", show)
}

const chooseTheme = (theme) => {
  if (theme) root.dataset.theme = theme
  else delete root.dataset.theme
  keep("theme", theme || null)
  document.dispatchEvent(new Event("theme"))
}

/** What this browser keeps under a name; null: nothing, or it keeps nothing at all. */
export const kept = (name) => {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}

export const keep = (name, value) => {
  try {
    if (value === null) localStorage.removeItem(name)
    else localStorage.setItem(name, value)
  } catch {
    // No storage: the choice holds for this page.
  }
}
