// The sources page: asks what is new every two seconds, and puts it in its place. What is under the pointer is left alone.

import { glyph, make, timeAt, timeSince } from "../helpers/making.js"
import { write } from "../helpers/clock.js"

const EVERY = 2_000 // ms

const page = document.getElementById("sources")
const told = new Map()

const cellOf = (cell, last) => make("td", { class: last ? "wrap" : "number", "data-warning": cell.warning ? "" : null }, cell.text)

const sourceOf = (source) =>
  make(
    "tr",
    {},
    make("th", { scope: "row", class: "wrap" }, source.name),
    make(
      "td",
      {},
      make("span", { class: "state-cell", "data-state": source.glyph }, glyph(source.glyph), make("b", {}, source.word)),
      source.note && " ",
      source.note && make("span", { class: "caption" }, source.note),
    ),
    make("td", {}, timeSince(source.heard_at), " ago"),
    ...source.cells.map((cell, index) => cellOf(cell, index === source.cells.length - 1)),
  )

const refusalOf = (refusal) =>
  make(
    "li",
    {},
    make(
      "p",
      {},
      make("b", { class: "status", "data-status": refusal.status < 400 ? "acknowledged" : "failed" }, String(refusal.status)),
      " ",
      timeAt(refusal.at),
      " ",
      make("b", {}, refusal.reason),
      " ",
      make("span", { class: "caption" }, refusal.address ? `${refusal.path} from ${refusal.address}` : refusal.path),
    ),
    make("p", { class: "wrap" }, refusal.detail),
    refusal.sample && make("pre", { class: "sample", tabindex: "0", "aria-label": "What was sent" }, refusal.sample),
  )

const stepOf = (step) =>
  make(
    "li",
    { "data-done": step.done ? "" : null },
    make("span", { "aria-hidden": "true" }, step.done ? "✓" : "–"),
    ` ${step.word}`,
    step.done ? null : make("span", { class: "caption" }, `: ${step.otherwise}`),
  )

const reasonOf = (reason, index) => [index ? " · " : "", `${reason.word} ${reason.count} ×, last `, timeSince(reason.last_at), " ago"]

const busy = (element) => element.matches(":hover") || element.contains(document.activeElement)

/** Fill `place` where what it shows has changed and nobody is at it; whether it is up to date. */
const fill = (place, key, data, children) => {
  const news = JSON.stringify(data)
  if (!place || told.get(key) === news) return
  if (busy(place)) return
  told.set(key, news)
  place.replaceChildren(...children())
}

const show = (section, face) => {
  const find = (name) => section.querySelector(`[data-${name}]`)
  write(find("said"), face.said)
  const steps = find("steps")
  steps.hidden = !face.steps.length
  fill(steps, `${face.key}/steps`, face.steps, () => face.steps.map(stepOf))
  if (face.sources.length) fill(find("sources"), `${face.key}/sources`, face.sources, () => face.sources.map(sourceOf))
  find("refused").hidden = !face.reasons.length
  fill(find("reasons"), `${face.key}/reasons`, face.reasons, () => face.reasons.flatMap(reasonOf).filter((part) => part !== ""))
  fill(find("refusals"), `${face.key}/refusals`, face.refusals, () => face.refusals.map(refusalOf))
}

const ask = async () => {
  const answer = await fetch(page.dataset.news).catch(() => null)
  if (!answer?.ok) return
  const sections = new Map([...page.querySelectorAll("[data-service]")].map((section) => [section.dataset.service, section]))
  for (const face of (await answer.json()).services) {
    const section = sections.get(face.key)
    if (section) show(section, face)
    else document.getElementById("sources-moved").hidden = false
  }
}

const keepAsking = async () => {
  if (!document.hidden) await ask().catch(reportError)
  setTimeout(keepAsking, EVERY)
}

setTimeout(keepAsking, EVERY)
