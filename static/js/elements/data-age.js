// <data-age>: how old what you see is, and whether it is kept up to date. Over 30 s the whole page says so.

import { now, onBeat, set, write } from "../helpers/clock.js"
import { age, stamp, tenths, zoneName } from "../helpers/words.js"
import { store } from "../live/store.js"

const OLD_AFTER = 30_000 // ms

const SAID = {
  live: (seconds) => `live, ${seconds < 10 ? `${tenths(seconds)} s` : age(seconds)}`,
  quiet: (seconds) => `no sign of life, data ${age(seconds)} old`,
  reconnecting: (seconds) => `reconnecting, data ${age(seconds)} old`,
  polling: (seconds) => `polling, data ${age(seconds)} old`,
  "signed-out": () => "signed out",
}

class DataAge extends HTMLElement {
  #started = Date.now()

  connectedCallback() {
    if (!document.body.dataset.topics) return
    store.connection.addEventListener("change", () => this.#show())
    onBeat(() => this.#show())
    this.#show()
  }

  #show() {
    const { state, lastFrameAt, bus } = store.connection
    const seconds = Math.max(0, Date.now() - (lastFrameAt ?? this.#started)) / 1000
    const old = seconds * 1000 > OLD_AFTER || state === "signed-out"
    set(this, "data-live", state)
    write(this.querySelector(".live-text"), SAID[state](seconds) + (bus === "degraded" && state === "live" ? ", slow" : ""))
    this.#warn(old, seconds)
  }

  #warn(old, seconds) {
    document.documentElement.toggleAttribute("data-old", old)
    const notice = document.getElementById("not-live")
    if (!notice) return
    if (old && notice.hidden) {
      const since = now() - seconds * 1000
      write(notice.querySelector("time"), `${stamp(since, since)} ${zoneName(since)}`)
    }
    notice.hidden = !old
    const door = notice.querySelector("a")
    if (door) door.hidden = store.connection.state !== "signed-out"
  }
}

class BoardClock extends HTMLElement {
  connectedCallback() {
    const show = (at) => write(this, `${stamp(at, at)} ${zoneName(at)}`)
    onBeat(show)
    document.addEventListener("zone", () => show(now()))
    show(now())
  }
}

customElements.define("data-age", DataAge)
customElements.define("board-clock", BoardClock)
