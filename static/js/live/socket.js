// The live socket's life: it connects, notices silence, and comes back. What the frames mean is the store's.

export const HEALTHY_AFTER = 30_000 // ms open, and the next failure counts as the first
// The board says something every 5 s.
export const QUIET_AFTER = 7_000 // ms without a frame: nobody can tell whether the line is alive, and the page says so
export const SILENT_AFTER = 15_000 // ms without a frame: the line is dead, whatever the browser says
export const POLL_AFTER_FAILURES = 3 // handshakes in a row
const FIRST_WAIT = 500 // ms, doubled with each failure
const LONGEST_WAIT = 30_000 // ms
const RESTART_WAIT = 5_000 // ms over which clients spread when the server restarts
const VISIBLE_WAIT = 1_000 // ms over which tabs spread when they come into view
const RESTART = 1012
const ENDED = new Set([4401, 4403]) // signed out; no role any more

/** How long to wait before try number `failures`: full jitter, so that a thousand browsers do not come back at once. */
export const waitBefore = (failures, code, random = Math.random) =>
  code === RESTART ? random() * RESTART_WAIT : random() * Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** failures)

export class LiveSocket {
  failures = 0 // handshakes that failed, or connections that did not last, in a row
  refused = 0 // handshakes that failed in a row
  lastFrameAt = null // ms since 1970
  ended = false

  #url
  #WebSocket
  #on
  #random
  #socket = null
  #retry = null
  #quiet = null
  #silence = null
  #health = null

  /** `on`: {opened(), frame(frame), quiet(), closed(code), ended(code)} */
  constructor(url, on, { WebSocket = globalThis.WebSocket, random = Math.random } = {}) {
    this.#url = url
    this.#on = on
    this.#WebSocket = WebSocket
    this.#random = random
  }

  get open() {
    return this.#socket?.readyState === 1
  }

  connect() {
    clearTimeout(this.#retry)
    if (this.#socket || this.ended) return
    const socket = (this.#socket = new this.#WebSocket(this.#url))
    let opened = false
    socket.onopen = () => {
      opened = true
      this.refused = 0
      this.#health = setTimeout(() => (this.failures = 0), HEALTHY_AFTER)
      this.#heard()
      this.#on.opened()
    }
    socket.onmessage = ({ data }) => {
      this.#heard()
      this.#on.frame(JSON.parse(data))
    }
    socket.onclose = ({ code }) => {
      if (socket === this.#socket) this.#lost(code, opened)
    }
    // A handshake that hangs says nothing either.
    this.#watch()
  }

  send(frame) {
    if (this.open) this.#socket.send(JSON.stringify(frame))
  }

  /** Try now: the network is back. */
  hurry(within = 0) {
    if (this.ended || this.open) return
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.connect(), this.#random() * within)
  }

  /** The tab is in view again: timers may have slept, so look at the clock. */
  wake(now = Date.now()) {
    if (this.open && now - this.lastFrameAt > SILENT_AFTER) this.#drop()
    this.hurry(VISIBLE_WAIT)
  }

  /** End it for good. */
  close() {
    this.ended = true
    clearTimeout(this.#retry)
    this.#forget()?.close(1000)
  }

  #heard() {
    this.lastFrameAt = Date.now()
    this.#watch()
  }

  #watch() {
    clearTimeout(this.#quiet)
    clearTimeout(this.#silence)
    if (this.open) this.#quiet = setTimeout(() => this.#on.quiet(), QUIET_AFTER)
    this.#silence = setTimeout(() => this.#drop(), SILENT_AFTER)
  }

  #drop() {
    const opened = this.open
    const socket = this.#socket
    // `close` waits for an answer that may never come: it is lost now.
    this.#lost(1006, opened)
    socket?.close()
  }

  #lost(code, opened) {
    this.#forget()
    this.failures += 1
    if (!opened) this.refused += 1
    if (ENDED.has(code)) {
      this.ended = true
      this.#on.ended(code)
      return
    }
    this.#retry = setTimeout(() => this.connect(), waitBefore(this.failures - 1, code, this.#random))
    this.#on.closed(code)
  }

  #forget() {
    const socket = this.#socket
    clearTimeout(this.#quiet)
    clearTimeout(this.#silence)
    clearTimeout(this.#health)
    this.#socket = null
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null
    return socket
  }
}
