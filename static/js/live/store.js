// The store: every topic's newest picture, and who wants to hear of it. All changes are told once a frame of the screen.
//
//   const stop = store.subscribe("wall", ({ kind, topic, data, counts }) => …, { filter: "state=open", limit: 200 })
//   store.card(id)              the newest card known of a breaker, from whichever topic
//   store.connection            {state: "live" | "quiet" | "reconnecting" | "signed-out" | "polling", lastFrameAt, bus}, says "change"
//
// A listener hears {kind: "snapshot", data} (as in the protocol: replace what you show), {kind: "delta", data: [changed
// cards, or {id, version, removed: true}], counts?} or {kind: "error", code, detail}.

import { apply, empty, newer, shown } from "./picture.js"
import { LiveSocket, POLL_AFTER_FAILURES } from "./socket.js"

export { apply, newer, shown } from "./picture.js"

const PAUSE_AFTER = 60_000 // ms out of view
const POLL_EVERY = 15_000 // ms
// What changes hundreds of things comes in several frames: one drawing for all of them.
const MANY = 100
const REST = 80 // ms after so many, before the next drawing
// Where the last one took long, for so many times as long: drawing stays a small part of the time on a slow machine too.
const SHARE = 6
const LONGEST_REST = 500 // ms

class Connection extends EventTarget {
  state = "reconnecting"
  lastFrameAt = null // ms since 1970
  bus = "ok" // "degraded": changes may come up to a second late

  set(changes) {
    const before = `${this.state} ${this.bus}`
    Object.assign(this, changes)
    if (before !== `${this.state} ${this.bus}`) this.dispatchEvent(new Event("change"))
  }
}

export class Store {
  connection = new Connection()

  #topics = new Map() // name → {picture, cursor, options, listeners, known, told}
  #socket
  #fetch
  #onScreen
  #flushing = false
  #restUntil = -Infinity
  #pausing = null
  #paused = false
  #polling = null
  #polls
  #clock

  /** `polls`: whether the API may be asked when no socket can be had; a screen's link does not open it. */
  constructor(url, { WebSocket, random, fetch = globalThis.fetch?.bind(globalThis), onScreen, polls = true, clock = () => performance.now() } = {}) {
    this.#polls = polls
    this.#clock = clock
    this.#fetch = fetch
    this.#onScreen = onScreen ?? globalThis.requestAnimationFrame?.bind(globalThis) ?? ((flush) => setTimeout(flush, 16))
    this.#socket = new LiveSocket(
      url,
      {
        opened: () => this.#opened(),
        frame: (frame) => this.#heard(frame),
        quiet: () => this.connection.set({ state: "quiet" }),
        closed: () => this.#closed(),
        ended: () => this.#ended(),
      },
      { WebSocket, random },
    )
  }

  connect() {
    this.#socket.connect()
  }

  close() {
    clearTimeout(this.#pausing)
    this.#stopPolling()
    this.#socket.close()
  }

  /** Hear of a topic; with the cursor of what the page shows already, of what changed since. One filter a topic: another one takes its place, for all who listen. Returns how to stop. */
  subscribe(name, listener, options = null, cursor = null) {
    let topic = this.#topics.get(name)
    if (!topic) {
      topic = { picture: empty(), cursor, options: options ?? {}, listeners: new Set(), known: false, told: [] }
      this.#topics.set(name, topic)
      this.#ask(name, topic)
    } else if (options && JSON.stringify(options) !== JSON.stringify(topic.options)) {
      Object.assign(topic, { options, cursor: null })
      this.#ask(name, topic)
    } else if (topic.known) {
      queueMicrotask(() => topic.listeners.has(listener) && listener(this.#snapshotOf(name, topic)))
    }
    topic.listeners.add(listener)
    return () => {
      topic.listeners.delete(listener)
      if (topic.listeners.size || this.#topics.get(name) !== topic) return
      this.#topics.delete(name)
      this.#socket.send({ op: "unsubscribe", topic: name })
    }
  }

  /** Ask for the whole picture again. */
  refresh(name) {
    const topic = this.#topics.get(name)
    if (topic) this.#ask(name, Object.assign(topic, { cursor: null }))
  }

  card(id) {
    const known = [...this.#topics.values()].map((topic) => topic.picture.items.get(id)).filter((item) => item && !item.removed)
    const cards = known.map((item) => item.card ?? item)
    return cards.reduce((best, card) => (newer(best, card) ? card : best), undefined)
  }

  /** Cards that came by another way (a further page, an answer): the newest wins here too. */
  add(name, cards) {
    const topic = this.#topics.get(name)
    if (topic) this.#told(topic, { op: "delta", data: cards })
  }

  hidden() {
    this.#pausing ??= setTimeout(() => {
      this.#paused = true
      for (const name of this.#topics.keys()) this.#socket.send({ op: "pause", topic: name })
    }, PAUSE_AFTER)
  }

  visible() {
    clearTimeout(this.#pausing)
    this.#pausing = null
    this.#socket.wake()
    if (this.#paused) {
      this.#paused = false
      this.#askAll()
    }
  }

  online() {
    this.#socket.hurry()
  }

  #opened() {
    this.#stopPolling()
    this.connection.set({ state: "live", lastFrameAt: this.#socket.lastFrameAt })
    if (!this.#paused) this.#askAll()
  }

  #closed() {
    if (this.#socket.refused < POLL_AFTER_FAILURES || !this.#polls) this.connection.set({ state: "reconnecting" })
    else if (!this.#polling) {
      this.#polling = setInterval(() => this.#poll(), POLL_EVERY)
      this.#poll()
    }
  }

  #ended() {
    this.#stopPolling()
    this.connection.set({ state: "signed-out" })
  }

  #askAll() {
    for (const [name, topic] of this.#topics) this.#ask(name, topic)
  }

  #ask(name, { cursor, options }) {
    this.#socket.send({ op: "subscribe", topic: name, ...options, ...(cursor && { cursor }) })
  }

  #heard(frame) {
    this.connection.set({ state: "live", lastFrameAt: this.#socket.lastFrameAt, ...(frame.bus && { bus: frame.bus }) })
    if (frame.op === "ping") {
      for (const [name, cursor] of Object.entries(frame.cursors)) {
        const topic = this.#topics.get(name)
        // Before its first snapshot there is nothing to resume.
        if (topic?.cursor) topic.cursor = cursor
      }
      return
    }
    const topic = this.#topics.get(frame.topic)
    if (!topic) return
    if (frame.cursor) topic.cursor = frame.cursor
    this.#told(topic, frame)
  }

  #told(topic, frame) {
    if (frame.op === "error") topic.told.push({ kind: "error", code: frame.code, detail: frame.detail })
    else {
      const news = apply(topic.picture, frame)
      if (frame.op === "snapshot") {
        topic.known = true
        topic.told = [{ kind: "snapshot", data: frame.data }]
      } else this.#gather(topic, news, frame.counts)
    }
    if (this.#flushing) return
    this.#flushing = true
    const rest = this.#restUntil - this.#clock()
    if (rest > 0) setTimeout(() => this.#onScreen(() => this.#flush()), rest)
    else this.#onScreen(() => this.#flush())
  }

  // Several deltas before one frame of the screen are one: the newest of each card.
  #gather(topic, news, counts) {
    let last = topic.told.at(-1)
    if (last?.kind !== "delta") topic.told.push((last = { kind: "delta", data: new Map() }))
    for (const item of news) {
      const waiting = last.data.get(item.id)
      const added = waiting?.new_events && item.new_events !== undefined
      last.data.set(item.id, added ? { ...item, new_events: item.new_events + waiting.new_events } : item)
    }
    if (counts) last.counts = counts
  }

  #flush() {
    this.#flushing = false
    const began = this.#clock()
    let things = 0
    for (const [name, topic] of this.#topics) {
      const told = topic.told
      topic.told = []
      for (const message of told) {
        const data = message.kind === "delta" ? [...message.data.values()] : message.data
        if (message.kind === "delta") things += data.length
        for (const listener of [...topic.listeners]) {
          try {
            listener({ ...message, topic: name, data })
          } catch (error) {
            // One element that fails must not blind the others.
            globalThis.reportError?.(error)
          }
        }
      }
    }
    if (things > MANY) this.#rest(began)
  }

  #rest(began) {
    this.#restUntil = began + REST
    // When this comes, the frame is painted.
    setTimeout(() => {
      const now = this.#clock()
      this.#restUntil = now + Math.min(LONGEST_REST, Math.max(REST - (now - began), SHARE * (now - began)))
    }, 0)
  }

  #snapshotOf(name, { picture }) {
    const items = shown(picture)
    const single = items.length === 1 && name.startsWith("breaker:")
    return { kind: "snapshot", topic: name, data: single ? items[0] : { items, counts: picture.counts, next: picture.next } }
  }

  async #poll() {
    this.connection.set({ state: "polling" })
    const [wall, tally] = ["wall", "tally"].map((name) => this.#topics.get(name))
    const query = new URLSearchParams(wall?.options.filter ?? "")
    query.set("limit", String(wall?.options.limit ?? 200))
    try {
      const answer = await this.#fetch(`/api/v1/breakers?${query}`, { headers: { accept: "application/json" } })
      if (!this.#polling) return
      if (answer.status === 401) {
        this.#socket.close()
        this.#ended()
      }
      if (!answer.ok) return
      const data = await answer.json()
      this.connection.lastFrameAt = Date.now()
      // Counts are known only where all cards are.
      if (!data.next) data.counts = countStates(data.items)
      if (wall) this.#told(wall, { op: "snapshot", data })
      const counts = wall?.options.filter ? undefined : data.counts
      if (tally) this.#told(tally, { op: "snapshot", data: { items: [], counts } })
    } catch {
      // No way to the server at all: the next poll may find one.
    }
  }

  #stopPolling() {
    clearInterval(this.#polling)
    this.#polling = null
  }
}

const countStates = (cards) => {
  const counts = {}
  for (const { state } of cards) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

const addressOf = ({ protocol, host }) => `${protocol === "https:" ? "wss" : "ws"}://${host}/ws/live/`

const startInBrowser = () => {
  const store = new Store(addressOf(location), { polls: !document.body.hasAttribute("data-screen") })
  document.addEventListener("visibilitychange", () => (document.hidden ? store.hidden() : store.visible()))
  addEventListener("online", () => store.online())
  if (document.hidden) store.hidden()
  store.connect()
  return store
}

export const store = globalThis.document ? startInBrowser() : null
