// The start of every page: elements come alive, the page's screen starts, keys and the theme switch work.

import "./elements/breaker-card.js"
import "./elements/data-age.js"
import { startCopying } from "./helpers/copying.js"
import { startKeys } from "./helpers/keys.js"
import { startTheme } from "./helpers/theme-switch.js"
import { startFilter, startTally, Wall } from "./wall.js"

startTheme()
startKeys()
startCopying()

const wall = document.getElementById("wall")
if (wall) {
  new Wall(wall).start()
  startFilter(document.getElementById("filter"))
} else if (document.body.dataset.topics) startTally()
if (document.querySelector("breaker-page")) import("./elements/breaker-page.js")
if (document.querySelector(".alert-row, #alerts-moved")) import("./alerts.js")
if (document.querySelector("form[data-preview]")) import("./preview-form.js")
if (document.getElementById("sources")) import("./elements/sources-page.js")
