// <failure-timeline>: the server sends the figure, the theme paints it, Plotly draws it while it is in view.

import { onBeat, write } from "../helpers/clock.js"
import { colour, faded, plotly } from "../helpers/plotly.js"
import { stamp, whole } from "../helpers/words.js"

// How often a range is fetched again: about a bucket's width.
const FRESH_FOR = { "15m": 3_000, "1h": 10_000, "6h": 60_000, "24h": 180_000, "7d": 900_000 } // ms
const RESIZE_REST = 150 // ms
const STATES = ["closed", "half_open", "open", "forced_open", "forced_closed"]
const FIELDS = ["success", "failure", "timeout", "rejected"]

class FailureTimeline extends HTMLElement {
  #box
  #figure = null
  #width = 0
  #shown = false
  #fetchedAt = -Infinity
  #fetching = null
  #stale = true

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
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw())
    onBeat(() => this.#refresh())
  }

  get range() {
    return this.dataset.range
  }

  set range(name) {
    this.dataset.range = name
    this.#stale = true
    this.#fetchedAt = -Infinity
    this.#fetching?.abort()
    this.#fetching = null
    this.#refresh()
  }

  /** Something happened at the breaker: what is drawn is old. */
  stale() {
    this.#stale = true
  }

  async #refresh() {
    if (!this.#shown || document.hidden || this.#fetching) return
    const waited = performance.now() - this.#fetchedAt
    // Time moves the picture on even where nothing happens.
    if (waited < FRESH_FOR[this.range] || (!this.#stale && waited < 5 * FRESH_FOR[this.range])) return
    this.#fetching = new AbortController()
    try {
      const answer = await fetch(`${this.dataset.source}?range=${this.range}`, { signal: this.#fetching.signal })
      if (!answer.ok) throw new Error(`the timeline answered ${answer.status}`)
      const { figure, summary, rows } = await answer.json()
      this.#fetchedAt = performance.now()
      this.#stale = false
      this.#figure = figure
      this.#box.setAttribute("aria-label", summary)
      write(this.querySelector(".chart-summary"), summary)
      this.#fillTable(rows)
      await this.#draw()
      this.#fetching = null
    } catch (error) {
      if (error.name === "AbortError") return
      this.#fetching = null
      this.#fetchedAt = performance.now()
      this.#box.classList.contains("drawn") || write(this.querySelector(".chart-summary"), `The chart can't be drawn: ${error.message}.`)
    }
  }

  async #draw() {
    if (!this.#figure) return
    const Plotly = await plotly(this.dataset.plotly)
    this.#box.classList.add("drawn")
    const { data, layout } = this.#painted(this.#figure)
    await Plotly.react(this.#box, data, layout, {
      displaylogo: false,
      responsive: false,
      modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
    })
    for (const svg of this.#box.querySelectorAll("svg")) svg.setAttribute("aria-hidden", "true")
  }

  #painted({ data, layout }) {
    const paint = Object.fromEntries(STATES.map((state) => [state, colour(`--colour-${state.replace("_", "-")}`)]))
    const role = (name) => paint[name] ?? (name === "ink" ? colour("--ink") : colour("--colour-silent"))
    const [ink, second, line, ground] = ["--ink", "--ink-2", "--line", "--bg"].map(colour)
    const axis = { gridcolor: line, linecolor: line, tickfont: { color: second }, title: { font: { color: second } } }
    this.#width = this.#box.clientWidth
    return {
      data: data.map((trace) => paintTrace(trace, role, ground)),
      layout: {
        ...layout,
        width: this.#width,
        font: { family: "Inter Variable, system-ui, sans-serif", size: 12, color: ink },
        paper_bgcolor: "transparent",
        plot_bgcolor: "transparent",
        modebar: { bgcolor: "transparent", color: second, activecolor: ink },
        hoverlabel: { bgcolor: ground, bordercolor: line, font: { color: ink } },
        xaxis: { ...axis, ...layout.xaxis, spikecolor: second },
        yaxis: merge(axis, layout.yaxis),
        yaxis2: merge(axis, layout.yaxis2),
        yaxis3: merge(axis, layout.yaxis3),
        // Zoom survives new data; another range starts anew.
        uirevision: this.range,
      },
    }
  }

  #resize() {
    if (this.#figure && this.#box.clientWidth !== this.#width) this.#draw()
  }

  #fillTable(rows) {
    const at = Date.now()
    const lines = rows.map((row) => {
      const line = document.createElement("tr")
      const texts = [stamp(row.at, at), ...FIELDS.map((field) => whole(row[field])), row.rate, row.p95]
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
