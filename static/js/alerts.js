// The alert pages: they do not move under your hands; when something changed they say so, and offer the new list.

import { startAlarm } from "./helpers/alarm.js"
import { write } from "./helpers/clock.js"
import { whole } from "./helpers/words.js"
import { store } from "./live/store.js"

const notice = document.getElementById("alerts-moved")
const only = notice?.dataset.alert
let known = null

const versions = (alerts) => new Map(alerts.map((alert) => [alert.id, alert.version]))

store.subscribe("alerts", ({ kind, data, counts }) => {
  if (kind === "error") return
  // Of all that are not resolved, whatever the list shows.
  for (const [status, count] of Object.entries(counts ?? data.counts ?? {})) {
    for (const place of document.querySelectorAll(`[data-count="${status}"]`)) write(place, whole(count))
  }
  if (!notice) return
  const alerts = kind === "snapshot" ? data.items : data
  if (known === null) {
    known = versions(alerts)
    return
  }
  const news = alerts.filter((alert) => known.get(alert.id) !== alert.version && (!only || alert.id === only))
  for (const alert of alerts) known.set(alert.id, alert.version)
  if (news.length) notice.hidden = false
})

startAlarm(document.getElementById("alarm"), store)
