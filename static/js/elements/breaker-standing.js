// How a breaker stands with those who are told: its incident, its alerts, the silence that covers it. The server draws it first.

import { make, timeAt, timeSince } from "../helpers/making.js"

/** Show {incident, silenced, alerts}: at the head of the page, and the alerts in their list. */
export const showStanding = (root, { incident, silenced, alerts }) => {
  const lines = [
    incident && incidentOf(incident),
    ...alerts.filter((alert) => !alert.over).map(firingOf),
    silenced && silencedOf(silenced),
  ].filter(Boolean)
  const list = root.querySelector("#standing")
  // What is read or pressed just now stays as it is.
  if (!list.contains(document.activeElement)) {
    list.hidden = !lines.length
    list.replaceChildren(...lines)
  }
  const box = root.querySelector("#breaker-alerts")
  const shown = alerts.length ? alerts.map(alertOf) : [make("p", { class: "caption" }, "None so far.")]
  if (!box.contains(document.activeElement)) box.replaceChildren(...shown)
}

const incidentOf = ({ id, suspect }) =>
  make(
    "li",
    {},
    "Part of ",
    make("a", { href: `/incidents/${encodeURIComponent(id)}/` }, `incident ${id}`),
    ...(suspect ? [", suspected: ", make("b", {}, suspect)] : []),
  )

const firingOf = (alert) => make("li", {}, make("a", { href: addressOf(alert) }, `Alert ${alert.rule}`), ` ${alert.status} for `, timeSince(alert.started_at))

const silencedOf = ({ until, by }) =>
  make("li", {}, make("a", { href: "/alerts/silences/" }, "Silenced"), " until ", timeAt(until), ` by ${by}: told to nobody`)

const alertOf = (alert) =>
  make(
    "a",
    { class: "alert-line", href: addressOf(alert) },
    make("b", {}, alert.status[0].toUpperCase() + alert.status.slice(1)),
    " ",
    make("span", {}, alert.summary),
    " ",
    make("span", { class: "caption" }, timeSince(alert.started_at), " ago"),
  )

const addressOf = (alert) => `/alerts/${encodeURIComponent(alert.id)}/`
