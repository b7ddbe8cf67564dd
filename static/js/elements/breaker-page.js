// <breaker-page>: one breaker's page. The socket tells where it stands; events and reasons are asked for when there are new ones.

import "./command-steps.js"
import "./failure-timeline.js"
import "./state-diagram.js"
import { showStanding } from "./breaker-standing.js"
import { beforeOf, showFacts } from "./range-facts.js"
import { showDoors, showKnown, showReach, showSiblings, startOrders } from "./order-dialog.js"
import { Announcer } from "../helpers/announcer.js"
import { now, onBeat, set, showAge, write } from "../helpers/clock.js"
import { face } from "../helpers/face.js"
import { glyph, make, timeAt, timeSince } from "../helpers/making.js"
import { eventDetail, eventWord, verbWord } from "../helpers/said.js"
import { DASH, lasted, minutes, percent, whole, word } from "../helpers/words.js"
import { store } from "../live/store.js"

const NEWS_EVERY = 2_000 // ms
// What is counted up to now grows while an outage goes on; the windows of days move on by themselves.
const COUNTED_EVERY = { going: 5_000, over: 60_000 } // ms

class BreakerPage extends HTMLElement {
  #announcer = new Announcer(document.getElementById("announcer"))
  #known = false
  #newsAt = -Infinity
  #asking = false // one at a time, so that no older answer comes last
  #newsTimer = null
  #newsWanted = false
  #told = ""

  connectedCallback() {
    this.#startRanges()
    if (this.dataset.past !== undefined) return
    store.subscribe(`breaker:${this.dataset.id}`, (message) => this.#heard(message))
    const { id, service } = this.dataset
    // Not every alert changes the card. Commas stand between the names of a filter.
    const filter = service.includes(",") ? "" : String(new URLSearchParams({ service }))
    store.subscribe("alerts", ({ kind, data }) => kind === "delta" && data.some((alert) => alert.breaker?.id === id) && this.#askNews(), { filter, limit: 1 })
    onBeat(() => {
      const every = this.querySelector("[data-why=lasted] [data-age]") ? COUNTED_EVERY.going : COUNTED_EVERY.over
      if (performance.now() - Math.max(this.#newsAt, 0) > every) this.#askNews()
    })
    // What could not be shown then is asked for now.
    this.querySelector("#events").addEventListener("mouseleave", () => this.#newsWanted && this.#askNews())
    document.addEventListener("visibilitychange", () => this.#newsWanted && this.#askNews())
    startOrders(() => this.#askNews())
  }

  /** Show the details of a moment of the past. */
  showPast(details, news, moment) {
    this.#drawHead(details.card)
    this.querySelector("state-diagram").show(details)
    this.#fillInstances(details.instances)
    this.#tell(news)
    const timeline = this.querySelector("failure-timeline")
    const query = new URLSearchParams(timeline.dataset.query)
    query.set("at", moment)
    timeline.choose(timeline.range, String(query))
  }

  #startRanges() {
    const timeline = this.querySelector("failure-timeline")
    for (const tab of this.querySelectorAll("[data-range]:not(failure-timeline)")) {
      tab.addEventListener("click", (event) => {
        event.preventDefault()
        this.#choose(timeline, tab.dataset.range, `range=${tab.dataset.range}`)
      })
    }
    timeline.addEventListener("zoom", ({ detail }) => this.#choose(timeline, "custom", detail))
    timeline.addEventListener("range", ({ detail }) => this.#ranged(timeline, detail))
  }

  #choose(timeline, name, chosen) {
    const at = new URLSearchParams(location.search).get("at")
    const query = at && this.dataset.past !== undefined ? `${new URLSearchParams({ at })}&${chosen}` : chosen
    for (const tab of this.querySelectorAll("nav [data-range]")) {
      if (tab.dataset.range === name) tab.setAttribute("aria-current", "true")
      else tab.removeAttribute("aria-current")
    }
    this.querySelector(".custom-range").open = false
    this.querySelector(".download").href = `${timeline.dataset.file}?${query}`
    timeline.choose(name, query)
    history.replaceState(null, "", `?${query}`)
  }

  #ranged(timeline, told) {
    showFacts(this, told)
    this.querySelector(".play-from").search = new URLSearchParams({ at: told.first, range: told.length })
    const form = this.querySelector(".custom-range form")
    if (form.contains(document.activeElement)) return
    form.elements.from.value = told.from
    form.elements.to.value = told.to
  }

  #heard({ kind, data }) {
    if (kind === "error") return
    for (const page of kind === "snapshot" ? [data] : data) this.#show(page, kind)
  }

  #show(page, kind) {
    if (page.removed) return location.reload()
    const { card } = page
    this.#drawHead(card)
    showKnown(card)
    this.querySelector("state-diagram").show(page)
    this.querySelector("command-steps").show(page.commands)
    this.#fillInstances(page.instances)
    // The page was drawn before the socket spoke: what came between is news.
    if (kind === "delta" || this.#known || card.version > Number(this.dataset.version)) {
      this.querySelector("failure-timeline").stale()
      this.#askNews()
    }
    this.#known = true
  }

  #drawHead(card) {
    const shown = face(card, now())
    const head = this.querySelector(".breaker-head")
    if (head.dataset.state !== card.state) {
      this.#announcer.changed(card.name, card.state)
      document.title = `${shown.word}: ${card.name} · Breakerboard`
    }
    set(head, "data-state", card.state)
    if (shown.silenced) set(head, "data-silenced", shown.silenced)
    else head.removeAttribute("data-silenced")
    set(head.querySelector("use"), "href", `#s-${card.state}`)
    write(head.querySelector(".word"), shown.word)
    const [before, time, after] = head.querySelector(".second").children
    write(before, shown.second.before)
    showAge(time, shown.second.at)
    write(after, shown.second.after)
    const told = card.reported_state
    this.#fact("seen", told && told !== card.state ? `${shown.word}, last told ${word(told)}` : shown.word)
    this.#fact("wanted", ...wanted(card.wanted, shown.unmet))
    this.#fact("rule", shown.rule)
    if (card.last_event_at) this.#fact("heard", timeSince(card.last_event_at), " ago")
    else this.#fact("heard", "never")
    this.#fact("failing", percent(card.failure_rate_1m))
    this.#fact("calls", whole(card.calls_1m))
    this.#fact("refused", whole(card.rejected_1m))
  }

  #fact(name, ...parts) {
    const place = this.querySelector(`[data-fact="${name}"]`)
    if (parts.length === 1 && typeof parts[0] === "string") write(place, parts[0])
    else place.replaceChildren(...parts)
  }

  #fillInstances(instances) {
    const told = JSON.stringify(instances)
    if (told === this.#told) return
    this.#told = told
    this.querySelector("#instances tbody").replaceChildren(...(instances.length ? instances.map(instanceOf) : [emptyRow(7, "No live instance.")]))
  }

  #askNews() {
    this.#newsWanted = true
    if (this.#asking) return
    const wait = this.#newsAt + NEWS_EVERY - performance.now()
    this.#newsTimer ??= setTimeout(() => this.#fetchNews(), Math.max(0, wait))
  }

  async #fetchNews() {
    this.#newsTimer = null
    if (document.hidden) return
    this.#newsWanted = false
    this.#newsAt = performance.now()
    this.#asking = true
    await this.#showNews().catch(reportError)
    this.#asking = false
    if (this.#newsWanted && !this.querySelector("#events").matches(":hover")) this.#askNews()
  }

  async #showNews() {
    const answer = await fetch(this.dataset.news).catch(() => null)
    if (!answer?.ok) return
    const news = await answer.json()
    this.#tell(news)
    showDoors(this.querySelector("#order-doors"), news.doors, this.querySelector("#doors-shut"))
    showReach(news)
    if (this.dataset.lastMark !== news.last_mark) this.querySelector("failure-timeline").renew()
    this.dataset.lastMark = news.last_mark
    showStanding(this, news.standing)
    showSiblings(news.siblings)
  }

  // What happened, in the words that the server has for it.
  #tell(news) {
    const events = this.querySelector("#events")
    if (events.matches(":hover")) this.#newsWanted = true
    else events.querySelector("tbody").replaceChildren(...(news.events.length ? news.events.map(eventOf) : [emptyRow(4, "No events yet.")]))
    fillWhy(this, this.querySelector("#why"), news)
    const odd = this.querySelector("#odd")
    odd.hidden = !news.odd
    write(odd, news.odd)
    fillTrips(this.querySelector("#trips tbody"), news.trips)
    fillSettings(this, news.settings)
  }
}

const wanted = (order, unmet) => {
  if (!order) return ["automatic"]
  const by = order.by ? ` by ${order.by}` : ""
  const until = order.until ? [" until ", timeAt(order.until)] : []
  return [`${verbWord(order.action)}${by}`, ...until, ...(unmet ? [" ", make("span", { class: "unmet" }, unmet)] : [])]
}

const instanceOf = (copy) => {
  const cell = (...children) => make("td", {}, ...children)
  const left = copy.left_at
  const silence = copy.interval_s
    ? null
    : make("span", { class: "caption" }, "posts on change only: silence can't be told from calm")
  const abilities = copy.commands === null ? "all" : copy.commands.map((action) => verbWord(action).toLowerCase()).join(", ")
  return make(
    "tr",
    { class: left ? "left" : null },
    cell(make("span", { class: "state-cell", "data-state": copy.state }, glyph(copy.state), make("b", {}, word(copy.state)))),
    make(
      "th",
      { scope: "row", class: "wrap" },
      copy.name,
      copy.odd ? make("span", { class: "odd" }, "odd one out") : null,
    ),
    left ? cell("left ", timeSince(left), " ago") : cell(timeSince(copy.since)),
    cell(timeSince(copy.last_heard_at), " ago ", silence),
    cell([copy.library ?? DASH, copy.library_version].filter(Boolean).join(" ")),
    make("td", { class: "wrap" }, copy.last_error_type ?? DASH),
    cell(abilities || "nothing"),
  )
}

const eventOf = (event) =>
  make(
    "tr",
    {},
    make("td", {}, timeAt(event.occurred_at)),
    make("td", {}, event.count > 1 ? `${eventWord(event.type)} × ${whole(event.count)}` : eventWord(event.type)),
    make("td", { class: "wrap" }, event.instance),
    make("td", { class: "wrap" }, eventDetail(event)),
  )

const emptyRow = (columns, words) => make("tr", {}, make("td", { colspan: columns, class: "empty" }, words))

// A first opening has no card to fill yet, and before it there is none: then the page is drawn anew.
const fillWhy = (page, box, { why, reason, before }) => {
  const place = (name) => box.querySelector(`[data-why="${name}"]`)
  if (Boolean(place("reason")) !== Boolean(why)) return location.reload()
  if (!why) return
  write(box.querySelector("h2"), why.ended_at ? "Why it opened last" : "Why it opened")
  write(place("reason"), reason)
  place("opened").replaceChildren(timeAt(why.opened_at))
  if (why.ended_at) write(place("lasted"), lasted((Date.parse(why.ended_at) - Date.parse(why.opened_at)) / 1000))
  else place("lasted").replaceChildren(timeSince(why.opened_at), " so far")
  write(place("first"), why.first_instance ?? DASH)
  write(place("probes"), whole(why.failed_probes))
  const text = why.text && why.text !== reason ? why.text : ""
  place("text").hidden = !text
  write(place("text").querySelector("span"), text)
  const remark = (words) => make("li", { class: "caption" }, words)
  place("errors").replaceChildren(...(why.errors.length ? why.errors.map(errorOf) : [remark("No errors were posted in the five minutes before.")]))
  const dependency = page.querySelector(".breaker-path a").textContent
  const calm = `No mark, no change of settings, and nothing opened on ${dependency}.`
  place("before").replaceChildren(...(before.length ? before.map(beforeOf) : [remark(calm)]))
}

const fillSettings = (page, { told, changes }) => {
  const box = page.querySelector("#settings-told")
  box.hidden = !told.length
  page.querySelector("#settings-none").hidden = told.length > 0
  box.replaceChildren(...told.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))))
  page.querySelector("#settings-changes").replaceChildren(...changes.map(changeOf))
}

const changeOf = ({ at, where, lines }) =>
  make(
    "li",
    {},
    make("p", {}, timeAt(at), " ", make("span", { class: "caption" }, where)),
    make("ul", {}, ...lines.map(([name, line]) => make("li", {}, make("code", {}, name), ` ${line}`))),
  )

const fillTrips = (body, trips) => {
  trips.forEach((row, place) => {
    const texts = [whole(row.trips), minutes(row.open_s), lasted(row.recover_s), lasted(row.longest_s)]
    texts.forEach((text, column) => write(body.rows[place].cells[column + 1], text))
  })
}

const errorOf = (error) =>
  make(
    "li",
    {},
    make(
      "p",
      {},
      make("b", {}, error.type),
      " ",
      make("span", { class: "caption" }, `${whole(error.count)} ×, last `, timeAt(error.last_at)),
    ),
    error.sample && make("p", { class: "caption wrap" }, error.sample.slice(0, 240)),
  )

customElements.define("breaker-page", BreakerPage)
