// <failure-timeline>: the server sends the figure, the theme paints it, Plotly draws it while it is in view.
//
// Says "range" with the answer of the server when it shows another range: {range, query, from, to, patterns, …}.

import { moved, widened } from "../helpers/chart.js"
import { onBeat, write } from "../helpers/clock.js"
import { make } from "../helpers/making.js"
import { colour, faded, plotly } from "../helpers/plotly.js"
import { stamp, whole, zoneName, zoneOffset } from "../helpers/words.js"

// How often a range is fetched again: about a bucket's width. A range between two moments is fetched when something came late.
const FRESH_FOR = {
  "15m": 3_000,
  "1h": 10_000,
  "6h": 60_000,
  "24h": 180_000,
  "7d": 900_000,
  "30d": 3_600_000,
  "90d": 3_600_000,
  "13mo": 3_600_000,
  custom: 60_000,
} // ms
const RESIZE_REST = 150 // ms
const NARROW = 640 // px
const LEGEND = 150 // px
const SHORTEST = 10_000 // ms
const STATES = ["closed", "half_open", "open", "forced_open", "forced_closed"]
const COUNTS = ["success", "failure", "timeout", "rejected", "slow", "retry", "fallback"]

class FailureTimeline extends HTMLElement {
  #box
  #figure = null
  #rows = []
  #notes = []
  #moved = 0 // ms from UTC to the zone that is drawn
  #width = 0
  #shown = false
  #fetchedAt = -Infinity
  #fetching = null
  #stale = true
  #zooms = false

  connectedCallback() {
    this.#box = this.querySelector(".chart")
    new IntersectionObserver(([entry]) => {
      this.#shown = entry.isIntersecting
      this.#refresh()
    }).observe(this)
    let rest = null
    new ResizeObserver(() => {
      clearTimeout(rest)
      rest = setTimeout(() => this.#resize(), RESIZE_REST)
    }).observe(this)
    document.addEventListener("theme", () => this.#draw())
    document.addEventListener("zone", () => this.#turn())
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw())
    onBeat(() => this.#refresh())
  }

  get range() {
    return this.dataset.range
  }

  /** Show another range: `query` is its part of the URL. */
  choose(name, query) {
    Object.assign(this.dataset, { range: name, query })
    this.#fetching?.abort()
    this.#fetching = null
    this.renew()
  }

  /** Something happened at the breaker: what is drawn is old. */
  stale() {
    this.#stale = true
  }

  /** Fetch it again now. */
  renew() {
    this.#stale = true
    this.#fetchedAt = -Infinity
    this.#refresh()
  }

  async #refresh() {
    if (!this.#shown || document.hidden || this.#fetching) return
    const waited = performance.now() - this.#fetchedAt
    const fresh = FRESH_FOR[this.range]
    // Time moves the picture on even where nothing happens, unless it ended in the past.
    const moves = this.range !== "custom"
    if (waited < fresh || (!this.#stale && (!moves || waited < 5 * fresh))) return
    this.#fetching = new AbortController()
    try {
      const answer = await fetch(`${this.dataset.source}?${this.dataset.query}`, { signal: this.#fetching.signal })
      if (!answer.ok) throw new Error(`the timeline answered ${answer.status}`)
      await this.#show(await answer.json())
      this.#fetching = null
    } catch (error) {
      if (error.name === "AbortError") return
      this.#fetching = null
      this.#fetchedAt = performance.now()
      this.#box.classList.contains("drawn") || write(this.querySelector(".chart-summary"), `The chart can't be drawn: ${error.message}.`)
    }
  }

  async #show(told) {
    this.#fetchedAt = performance.now()
    this.#stale = false
    this.#figure = told.figure
    this.#box.setAttribute("aria-label", told.summary)
    write(this.querySelector(".chart-summary"), told.summary)
    this.#notes = told.notes
    this.#rows = told.rows
    this.#fillTable()
    this.dispatchEvent(new CustomEvent("range", { detail: told }))
    await this.#draw()
  }

  async #draw() {
    if (!this.#figure) return
    this.#nameZone()
    const Plotly = await plotly(this.dataset.plotly)
    this.#box.classList.add("drawn")
    const { data, layout } = this.#painted(this.#figure)
    await Plotly.react(this.#box, data, layout, {
      displaylogo: false,
      responsive: false,
      modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
    })
    for (const svg of this.#box.querySelectorAll("svg")) svg.setAttribute("aria-hidden", "true")
    if (this.#zooms) return
    this.#zooms = true
    this.#box.on("plotly_relayout", (change) => this.#zoomed(change))
  }

  // A stretch that was dragged becomes the range, so that finer buckets are fetched and the URL says it.
  #zoomed(change) {
    const [from, to] = ["xaxis.range[0]", "xaxis.range[1]"].map((key) => momentOf(change[key]))
    if (!(to - from >= SHORTEST)) return
    const utc = (at) => new Date(at - this.#moved).toISOString()
    const query = new URLSearchParams({ from: utc(from), to: utc(to) })
    this.dispatchEvent(new CustomEvent("zoom", { detail: String(query) }))
  }

  // One offset for the whole chart, that of its end: where the clocks changed within it, it says so.
  #nameZone() {
    const [start, end] = this.#figure.layout.xaxis.range
    this.#moved = zoneOffset(end)
    const name = zoneName(end)
    for (const place of document.querySelectorAll("[data-chart-zone]")) write(place, name)
    const changed = zoneOffset(start) === this.#moved ? [] : [`The clocks changed in this range; all of the chart is in ${name}.`]
    this.querySelector(".chart-notes").replaceChildren(...[...changed, ...this.#notes].map((note) => make("li", {}, note)))
  }

  #turn() {
    this.#draw()
    if (this.#rows.length) this.#fillTable()
  }

  #painted(figure) {
    const paint = Object.fromEntries(STATES.map((state) => [state, colour(`--colour-${state.replace("_", "-")}`)]))
    const tokens = { ink: colour("--ink"), "ink-2": colour("--ink-2"), accent: colour("--accent") }
    const role = (name) => paint[name] ?? tokens[name] ?? colour("--colour-silent")
    const [ink, second, line, ground] = ["--ink", "--ink-2", "--line", "--bg"].map(colour)
    const axis = { gridcolor: line, linecolor: line, tickfont: { color: second }, title: { font: { color: second } } }
    this.#width = this.#box.clientWidth
    const { l: left, r: right } = figure.layout.margin
    const { data, layout } = moved(widened(figure, this.#width - left - right), this.#moved)
    const hoverformat = layout.xaxis.hoverformat.replace("UTC", zoneName(figure.layout.xaxis.range[1]).replace("%", "%%"))
    const axes = Object.fromEntries(
      Object.keys(layout)
        .filter((key) => key.startsWith("yaxis"))
        .map((key) => [key, merge(axis, layout[key])]),
    )
    return {
      data: data.map((trace) => paintTrace(trace, role, ground)),
      layout: {
        ...layout,
        ...axes,
        width: this.#width,
        // The legend wraps on a narrow screen: it takes its own room, not the panels'.
        height: layout.height + (this.#width < NARROW ? LEGEND : 0),
        font: { family: "Inter Variable, system-ui, sans-serif", size: 12, color: ink },
        paper_bgcolor: "transparent",
        plot_bgcolor: "transparent",
        modebar: { bgcolor: "transparent", color: second, activecolor: ink },
        hoverlabel: { bgcolor: ground, bordercolor: line, font: { color: ink } },
        xaxis: { ...axis, ...layout.xaxis, hoverformat, spikecolor: second, ...(this.#width < NARROW ? { nticks: 4, tickangle: 0 } : {}) },
        shapes: layout.shapes.map((shape) => ({ ...shape, line: { ...shape.line, color: tokens.accent } })),
        // What is hidden in the legend stays hidden over new data; another range starts anew.
        uirevision: this.dataset.query,
      },
    }
  }

  #resize() {
    if (this.#figure && this.#box.clientWidth !== this.#width) this.#draw()
  }

  #fillTable() {
    const at = Date.now()
    const lines = this.#rows.map((row) => {
      const line = document.createElement("tr")
      const texts = [stamp(row.at, at), ...COUNTS.map((field) => whole(row[field])), row.rate, row.p50, row.p95, row.p99]
      texts.forEach((text, place) => {
        const cell = line.insertCell()
        cell.textContent = text
        if (place) cell.className = "number"
      })
      return line
    })
    this.querySelector("tbody").replaceChildren(...lines)
  }
}

// Plotly tells times as if they were UTC, without saying so.
const momentOf = (told) => (typeof told === "number" ? told : Date.parse(`${String(told).replace(" ", "T")}Z`))

const merge = (axis, own) => ({ ...axis, ...own, title: { ...axis.title, ...own.title } })

const paintTrace = (trace, role, ground) => {
  const tone = role(trace.meta.role)
  if (trace.type === "bar") return { ...trace, marker: { ...trace.marker, color: tone } }
  const painted = { ...trace, line: { ...trace.line, color: tone }, marker: { ...trace.marker, color: tone } }
  if (trace.fillpattern) {
    painted.fillcolor = faded(tone, trace.meta.opacity)
    painted.fillpattern = { ...trace.fillpattern, fgcolor: ground }
  }
  return painted
}

customElements.define("failure-timeline", FailureTimeline)
