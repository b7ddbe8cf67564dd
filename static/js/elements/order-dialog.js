// The order dialog: the page's order form in a <dialog>. Without scripts the buttons lead to a page with the same form.

import { set, showAge, write } from "../helpers/clock.js"
import { glyph, make } from "../helpers/making.js"
import { percent, whole, word } from "../helpers/words.js"

const OLD = ["stale", "unknown"]

/** What we know now, from a card: nobody acts on what the page said when it was opened. */
export const showKnown = (card) => {
  const dialog = document.getElementById("order-dialog")
  if (!dialog) return
  const place = (name) => dialog.querySelector(`[data-known="${name}"]`)
  const state = place("state")
  set(state, "data-state", card.state)
  set(state.querySelector("svg"), "data-state", card.state)
  set(state.querySelector("use"), "href", `#g-${card.state}`)
  write(state.querySelector("span"), word(card.state))
  showAge(state.querySelector("time"), card.since)
  const heard = place("heard")
  if (heard.querySelector("time")) showAge(heard.querySelector("time"), card.last_event_at)
  heard.querySelector("b").hidden = !OLD.includes(card.state)
  write(place("failing"), percent(card.failure_rate_1m))
  write(place("calls"), whole(card.calls_1m))
  write(place("error"), card.last_error_type ?? "none told")
}

/** The other breakers on the same dependency that are in trouble. */
export const showSiblings = (cards) => {
  const dialog = document.getElementById("order-dialog")
  if (!dialog) return
  const place = (name) => dialog.querySelector(`[data-known="${name}"]`)
  place("trouble").hidden = !cards.length
  place("calm").hidden = cards.length > 0
  place("siblings").replaceChildren(
    ...cards.map((card) =>
      make("li", { "data-state": card.state }, glyph(card.state), ` ${card.service} / ${card.name}: ${word(card.state)}`),
    ),
  )
}

/** Whom an order would reach, and what they can't do. */
export const showReach = ({ reach, last_probe_failed_at: failed }) => {
  const dialog = document.getElementById("order-dialog")
  if (!dialog) return
  write(dialog.querySelector('[data-known="reach"]'), reach.sentence)
  for (const [action, words] of Object.entries(reach.lacking)) {
    const verb = dialog.querySelector(`input[name="action"][value="${action}"]`)
    verb.disabled = reach.impossible.includes(action)
    if (verb.disabled) verb.checked = false
    const lacking = verb.closest("label").querySelector(".lacking")
    lacking.hidden = !words
    write(lacking, words)
  }
  const probe = dialog.querySelector('[data-known="probe"]')
  probe.hidden = !failed
  showAge(probe.querySelector("time"), failed)
}

/** The buttons of the page: which orders can be given now, and why not. */
export const showDoors = (box, doors, why) => {
  const told = JSON.stringify(doors)
  if (!box || box.dataset.told === told || box.contains(document.activeElement)) return
  box.dataset.told = told
  const may = box.hasAttribute("data-may")
  box.replaceChildren(...doors.flatMap((door) => [doorOf(door, may && !door.shut, box.dataset.orderPage), " "]))
  if (!may) return
  why.hidden = !doors[0].shut
  write(why, doors[0].shut)
}

const doorOf = ({ action, label }, open, page) =>
  open
    ? make("a", { class: "button", href: `${page}?action=${action}`, "data-order": action }, label)
    : make("button", { class: "button", type: "button", disabled: "", "aria-describedby": "doors-shut" }, label)

/** Let the buttons of the page open the dialog, each at its verb. */
export const startOrders = (opened) => {
  const dialog = document.getElementById("order-dialog")
  if (!dialog) return
  document.getElementById("order-doors").addEventListener("click", (event) => {
    const door = event.target.closest("[data-order]")
    if (!door || event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    const verb = dialog.querySelector(`input[name="action"][value="${door.dataset.order}"]`)
    if (verb && !verb.disabled) verb.checked = true
    dialog.showModal()
    opened()
  })
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close())
  dialog.querySelector("form").addEventListener("submit", (event) => guard(event))
}

/** Two clicks are one order; without a reason the form says so before the server has to. */
export const guard = (event) => {
  const form = event.target
  const reason = form.elements.reason
  const given = reason.value.trim() || form.querySelector('input[name="preset"]:checked')
  reason.setCustomValidity(given ? "" : "Say why: choose a reason or write one.")
  form.addEventListener("input", () => reason.setCustomValidity(""), { once: true })
  if (!given) {
    event.preventDefault()
    reason.reportValidity()
    return
  }
  event.submitter?.setAttribute("disabled", "")
}
