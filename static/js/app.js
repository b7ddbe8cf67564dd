// The start of every page: elements come alive, the page's screen starts, keys and preferences work.

import "./elements/breaker-card.js"
import "./elements/data-age.js"
import { write } from "./helpers/clock.js"
import { startCopying } from "./helpers/copying.js"
import { startDoubts } from "./helpers/doubts.js"
import { startKeys } from "./helpers/keys.js"
import { startPreferences } from "./helpers/preferences.js"
import { startSearch } from "./helpers/query-field.js"
import { startTally } from "./helpers/tally.js"
import { sum, whole } from "./helpers/words.js"
import { startZone } from "./helpers/zone.js"
import { Wall } from "./wall.js"

startZone()
startPreferences()
startKeys()
startCopying()
startDoubts(document.getElementById("doubts"))

const wall = document.getElementById("wall")
if (wall) {
  new Wall(wall).start()
  startSearch(document.getElementById("filter"))
}
if (document.body.dataset.topics && document.getElementById("tally")) startTally((counts) => {
  const beyond = document.getElementById("beyond")
  if (beyond) write(beyond, whole(sum(counts)))
})
if (document.querySelector("breaker-page")) import("./elements/breaker-page.js")
if (document.querySelector(".alert-row, #alerts-moved")) import("./alerts.js")
if (document.querySelector("form[data-preview]")) import("./preview-form.js")
if (document.getElementById("sources")) import("./elements/sources-page.js")
if (document.body.hasAttribute("data-screen")) import("./screen.js").then(({ startScreen }) => startScreen())
