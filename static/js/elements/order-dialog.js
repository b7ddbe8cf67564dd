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

/** Let the buttons of the page open the dialog, each at its verb. */
export const startOrders = (opened) => {
  const dialog = document.getElementById("order-dialog")
  if (!dialog) return
  for (const door of document.querySelectorAll("[data-order]")) {
    door.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return
      event.preventDefault()
      const verb = dialog.querySelector(`input[name="action"][value="${door.dataset.order}"]`)
      if (verb && !verb.disabled) verb.checked = true
      dialog.showModal()
      opened()
    })
  }
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
