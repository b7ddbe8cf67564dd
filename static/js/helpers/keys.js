// Keys: / finds, g then o or a goes, j and k move through the cards, r opens the order dialog, Escape closes menus.
// Single letters can be switched off by `localStorage.keys = "off"` (WCAG 2.1.4).

const PLACES = { o: "/", a: "/alerts/", u: "/audit/" }
const SECOND_KEY_WITHIN = 1_000 // ms

let going = 0

export const startKeys = () => {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeMenus()
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || switchedOff()) return
    if (document.querySelector("dialog[open]")) return
    if (pressed(event.key, event.timeStamp)) event.preventDefault()
  })
  document.addEventListener("click", ({ target }) => {
    for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(target)) menu.open = false
  })
}

const pressed = (key, at) => {
  if (going && at - going < SECOND_KEY_WITHIN && PLACES[key]) {
    location.assign(PLACES[key])
    return true
  }
  going = key === "g" ? at : 0
  if (key === "/") return focus(".filter input:not([type=hidden]), input[type=search]")
  if (key === "j") return step(1)
  if (key === "k") return step(-1)
  if (key === "r") return open("[data-order=reset]")
  return false
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

const step = (by) => {
  const links = [...document.querySelectorAll("breaker-card .name a, .alert-title a")].filter((link) => link.offsetParent)
  if (!links.length) return false
  const place = links.indexOf(document.activeElement)
  links[place < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(place + by, 0), links.length - 1)].focus()
  return true
}

const closeMenus = () => {
  for (const menu of document.querySelectorAll(".menu[open]")) menu.open = false
}

const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]")

const switchedOff = () => {
  try {
    return localStorage.getItem("keys") === "off"
  } catch {
    return false
  }
}
