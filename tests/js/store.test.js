// The store and its socket: what listeners hear, and how the line comes back.

import assert from "node:assert/strict"
import { beforeEach, mock, test } from "node:test"
import { HEALTHY_AFTER, QUIET_AFTER, SILENT_AFTER, waitBefore } from "../../static/js/live/socket.js"
import { Store } from "../../static/js/live/store.js"

class FakeSocket {
  static all = []
  static get last() {
    return FakeSocket.all.at(-1)
  }
  readyState = 0
  sent = []
  constructor(url) {
    this.url = url
    FakeSocket.all.push(this)
  }
  send(text) {
    this.sent.push(JSON.parse(text))
  }
  close() {
    this.readyState = 3
  }
  opens() {
    this.readyState = 1
    this.onopen()
  }
  says(frame) {
    this.onmessage({ data: JSON.stringify(frame) })
  }
  ends(code = 1006) {
    this.readyState = 3
    this.onclose?.({ code })
  }
}

const card = (id, version, state = "closed") => ({ id, version, state })
const snapshot = (cursor, ...items) => ({ op: "snapshot", topic: "wall", cursor, data: { counts: { closed: items.length }, items, next: null } })
const delta = (cursor, data, counts) => ({ op: "delta", topic: "wall", cursor, data, ...(counts && { counts }) })

let flushes, store, heard, polled, answer

beforeEach(() => {
  mock.timers.reset()
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] })
  FakeSocket.all = []
  flushes = []
  heard = []
  polled = []
  answer = { status: 200, ok: true, json: async () => ({ items: [card("9", 9, "open")], next: null }) }
  store = new Store("ws://board/ws/live/", {
    WebSocket: FakeSocket,
    random: () => 0.5,
    onScreen: (flush) => flushes.push(flush),
    fetch: async (url) => (polled.push(url), answer),
  })
})

const paint = () => flushes.splice(0).forEach((flush) => flush())
const live = (options) => {
  const stop = store.subscribe("wall", (message) => heard.push(message), options)
  store.connect()
  FakeSocket.last.opens()
  return stop
}
const microtasks = async () => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
}

test("a listener hears the snapshot, then deltas, once a frame of the screen", () => {
  live({ filter: "state=open", limit: 100 })
  assert.deepEqual(FakeSocket.last.sent, [{ op: "subscribe", topic: "wall", filter: "state=open", limit: 100 }])
  FakeSocket.last.says(snapshot("e.1", card("1", 1)))
  paint()
  FakeSocket.last.says(delta("e.2", [card("1", 2, "open")], { open: 1 }))
  FakeSocket.last.says(delta("e.3", [card("1", 3, "half_open"), card("2", 3)], { half_open: 1, closed: 1 }))
  assert.equal(heard.length, 1)
  assert.equal(flushes.length, 1)
  paint()
  assert.deepEqual(
    heard.map(({ kind, topic, counts }) => [kind, topic, counts]),
    [["snapshot", "wall", undefined], ["delta", "wall", { half_open: 1, closed: 1 }]],
  )
  assert.deepEqual(heard[1].data, [card("1", 3, "half_open"), card("2", 3)])
  assert.deepEqual(store.card("1"), card("1", 3, "half_open"))
  assert.equal(store.card("404"), undefined)
})

test("a snapshot takes the place of deltas that were not told yet", () => {
  live()
  FakeSocket.last.says(delta("e.2", [card("1", 2)]))
  FakeSocket.last.says(snapshot("e.3", card("2", 3)))
  paint()
  assert.deepEqual(heard.map(({ kind }) => kind), ["snapshot"])
  assert.equal(store.card("1"), undefined)
})

test("new events of a breaker add up between two frames of the screen", () => {
  store.subscribe("breaker:1", (message) => heard.push(message))
  store.connect()
  FakeSocket.last.opens()
  const page = (version, new_events) => ({ id: "1", version, card: card("1", version), new_events })
  FakeSocket.last.says({ op: "snapshot", topic: "breaker:1", cursor: "e.1", data: page(1, 0) })
  FakeSocket.last.says({ op: "delta", topic: "breaker:1", cursor: "e.2", data: [page(2, 3)] })
  FakeSocket.last.says({ op: "delta", topic: "breaker:1", cursor: "e.3", data: [page(3, 4)] })
  paint()
  assert.deepEqual(heard.map(({ kind, data }) => [kind, data.new_events ?? data[0].new_events]), [["snapshot", 0], ["delta", 7]])
  assert.deepEqual(store.card("1"), card("1", 3))
})

test("a second listener hears what is known; the last that stops ends the topic", async () => {
  const stop = live()
  FakeSocket.last.says(snapshot("e.1", card("1", 1)))
  paint()
  const late = []
  const stopLate = store.subscribe("wall", (message) => late.push(message))
  await microtasks()
  assert.deepEqual(late.map(({ kind, data }) => [kind, data.items]), [["snapshot", [card("1", 1)]]])
  stop()
  stopLate()
  assert.deepEqual(FakeSocket.last.sent.at(-1), { op: "unsubscribe", topic: "wall" })
})

test("a listener that fails does not blind the others", () => {
  globalThis.reportError = mock.fn()
  store.subscribe("wall", () => {
    throw new Error("broken element")
  })
  live()
  FakeSocket.last.says(snapshot("e.1", card("1", 1)))
  paint()
  assert.equal(heard.length, 1)
  assert.equal(globalThis.reportError.mock.callCount(), 1)
})

test("an error is told to its topic", () => {
  live()
  FakeSocket.last.says({ op: "error", topic: "wall", code: "bad_filter", detail: "unknown filter 'x'" })
  paint()
  assert.deepEqual(heard.map(({ kind, code }) => [kind, code]), [["error", "bad_filter"]])
})

test("it comes back with its cursor", () => {
  live()
  FakeSocket.last.says(snapshot("e.1"))
  FakeSocket.last.says({ op: "ping", at: "…", cursors: { wall: "e.7" }, bus: "ok" })
  FakeSocket.last.ends()
  assert.equal(store.connection.state, "reconnecting")
  mock.timers.tick(500)
  assert.equal(FakeSocket.all.length, 2)
  FakeSocket.last.opens()
  assert.equal(store.connection.state, "live")
  assert.deepEqual(FakeSocket.last.sent, [{ op: "subscribe", topic: "wall", cursor: "e.7" }])
})

test("another filter starts without a cursor", () => {
  live()
  FakeSocket.last.says(snapshot("e.1"))
  store.subscribe("wall", () => {}, { filter: "state=open" })
  assert.deepEqual(FakeSocket.last.sent.at(-1), { op: "subscribe", topic: "wall", filter: "state=open" })
})

test("waits grow, are spread, and end at thirty seconds", () => {
  assert.deepEqual([0, 1, 2, 10].map((failures) => waitBefore(failures, 1006, () => 1)), [500, 1000, 2000, 30_000])
  assert.equal(waitBefore(10, 1006, () => 0), 0)
  assert.equal(waitBefore(10, 1012, () => 1), 5_000)
})

test("thirty healthy seconds forget the failures", () => {
  live()
  for (let turn = 0; turn < 4; turn++) {
    FakeSocket.last.ends()
    mock.timers.tick(15_000)
    FakeSocket.last.opens()
  }
  const before = FakeSocket.all.length
  FakeSocket.last.ends()
  mock.timers.tick(3_000)
  assert.equal(FakeSocket.all.length, before)
  mock.timers.tick(27_000)
  FakeSocket.last.opens()
  for (let passed = 0; passed < HEALTHY_AFTER; passed += 10_000) {
    mock.timers.tick(10_000)
    FakeSocket.last.says({ op: "ping", at: "…", cursors: {}, bus: "ok" })
  }
  const open = FakeSocket.all.length
  FakeSocket.last.ends()
  mock.timers.tick(250)
  assert.equal(FakeSocket.all.length, open + 1)
})

test("silence is a dead line, even if the browser calls it open", () => {
  live()
  mock.timers.tick(QUIET_AFTER - 1)
  assert.equal(store.connection.state, "live")
  mock.timers.tick(1)
  assert.equal(store.connection.state, "quiet")
  FakeSocket.last.says({ op: "ping", at: "…", cursors: {}, bus: "ok" })
  assert.equal(store.connection.state, "live")
  mock.timers.tick(SILENT_AFTER - 1)
  assert.equal(store.connection.state, "quiet")
  mock.timers.tick(10)
  assert.equal(store.connection.state, "reconnecting")
  mock.timers.tick(500)
  assert.equal(FakeSocket.all.length, 2)
})

test("signed out, it stops and says so", () => {
  const states = []
  store.connection.addEventListener("change", () => states.push(store.connection.state))
  live()
  FakeSocket.last.ends(4401)
  mock.timers.tick(120_000)
  store.visible()
  store.online()
  mock.timers.tick(120_000)
  assert.equal(FakeSocket.all.length, 1)
  assert.deepEqual(states, ["live", "signed-out"])
})

test("with the network back it does not wait", () => {
  live()
  for (let turn = 0; turn < 2; turn++) {
    FakeSocket.last.ends()
    if (turn === 0) mock.timers.tick(500)
  }
  const before = FakeSocket.all.length
  store.online()
  mock.timers.tick(0)
  assert.equal(FakeSocket.all.length, before + 1)
})

test("after three refused handshakes it polls, and stops when the line stands", async () => {
  store.subscribe("wall", (message) => heard.push(message), { filter: "state=open" })
  store.connect()
  for (let turn = 0; turn < 3; turn++) {
    assert.equal(polled.length, 0)
    FakeSocket.last.ends()
    if (turn < 2) mock.timers.tick(2_000)
  }
  await microtasks()
  paint()
  assert.equal(store.connection.state, "polling")
  assert.deepEqual(polled, ["/api/v1/breakers?state=open&limit=200"])
  assert.deepEqual(heard.map(({ kind, data }) => [kind, data.items[0].id, data.counts]), [["snapshot", "9", { open: 1 }]])
  mock.timers.tick(2_000)
  FakeSocket.last.opens()
  assert.equal(store.connection.state, "live")
  mock.timers.tick(20_000)
  assert.equal(polled.length, 1)
})

test("a poll that is refused means signed out", async () => {
  answer = { status: 401, ok: false }
  store.connect()
  for (let turn = 0; turn < 3; turn++) {
    FakeSocket.last.ends()
    if (turn < 2) mock.timers.tick(2_000)
  }
  await microtasks()
  assert.equal(store.connection.state, "signed-out")
  mock.timers.tick(60_000)
  assert.equal(FakeSocket.all.length, 3)
})

test("a minute out of view pauses; in view again it resumes", () => {
  live()
  FakeSocket.last.says(snapshot("e.1"))
  store.hidden()
  for (let passed = 0; passed < 60_000; passed += 10_000) {
    mock.timers.tick(10_000)
    FakeSocket.last.says({ op: "ping", at: "…", cursors: { wall: "e.4" }, bus: "degraded" })
  }
  assert.deepEqual(FakeSocket.last.sent.at(-1), { op: "pause", topic: "wall" })
  assert.equal(store.connection.bus, "degraded")
  store.visible()
  assert.deepEqual(FakeSocket.last.sent.at(-1), { op: "subscribe", topic: "wall", cursor: "e.4" })
})

test("a short look away changes nothing", () => {
  live()
  store.hidden()
  mock.timers.tick(10_000)
  store.visible()
  assert.equal(FakeSocket.last.sent.length, 1)
})

test("cards that come by another way are taken if they are newer", () => {
  live()
  FakeSocket.last.says(snapshot("e.1", card("1", 5)))
  store.add("wall", [card("1", 4, "open"), card("2", 2, "open")])
  paint()
  assert.equal(store.card("1").state, "closed")
  assert.equal(store.card("2").state, "open")
})

test("after hundreds of changes the next drawing waits a little, and has all that came meanwhile", () => {
  live()
  FakeSocket.last.says(snapshot("e.1"))
  paint()
  const many = Array.from({ length: 150 }, (_, place) => card(String(place), 2))
  FakeSocket.last.says({ op: "delta", topic: "wall", cursor: "e.2", data: many })
  paint()
  const before = heard.length
  FakeSocket.last.says({ op: "delta", topic: "wall", cursor: "e.3", data: [card("1", 3, "open")] })
  FakeSocket.last.says({ op: "delta", topic: "wall", cursor: "e.4", data: [card("2", 4, "open")] })
  paint()
  assert.equal(heard.length, before)
  mock.timers.tick(100)
  paint()
  assert.deepEqual(heard.at(-1).data.map(({ id, state }) => [id, state]), [["1", "open"], ["2", "open"]])
})

test("where drawing hundreds takes long, the next one waits longer", () => {
  let at = 0
  store = new Store("ws://board/ws/live/", {
    WebSocket: FakeSocket,
    onScreen: (flush) => flushes.push(flush),
    clock: () => at,
  })
  store.subscribe("wall", () => (at += 40))
  store.connect()
  FakeSocket.last.opens()
  const many = Array.from({ length: 150 }, (_, place) => card(String(place), 2))
  FakeSocket.last.says(delta("e.2", many))
  paint()
  mock.timers.tick(0)
  FakeSocket.last.says(delta("e.3", [card("1", 3, "open")]))
  mock.timers.tick(230)
  assert.equal(flushes.length, 0)
  mock.timers.tick(10)
  assert.equal(flushes.length, 1)
})

test("a page that holds the picture already asks for what changed since", () => {
  store.subscribe("cells", (message) => heard.push(message), { filter: "" }, "e.7")
  store.connect()
  FakeSocket.last.opens()
  assert.deepEqual(FakeSocket.last.sent, [{ op: "subscribe", topic: "cells", filter: "", cursor: "e.7" }])
  FakeSocket.last.says({ op: "delta", topic: "cells", cursor: "e.8", data: [card("1", 8, "open")], counts: { open: 1 } })
  paint()
  assert.deepEqual(heard.map(({ kind, counts }) => [kind, counts]), [["delta", { open: 1 }]])
})

test("the whole picture can be asked for again", () => {
  live()
  FakeSocket.last.says(snapshot("e.1", card("1", 1)))
  store.refresh("wall")
  assert.deepEqual(FakeSocket.last.sent.at(-1), { op: "subscribe", topic: "wall" })
  store.refresh("nothing")
  assert.equal(FakeSocket.last.sent.length, 2)
})

test("a screen's link never asks the API, and goes on trying", () => {
  store = new Store("ws://board/ws/live/", {
    WebSocket: FakeSocket,
    random: () => 0.5,
    onScreen: (flush) => flushes.push(flush),
    fetch: async (url) => (polled.push(url), answer),
    polls: false,
  })
  store.subscribe("wall", (message) => heard.push(message))
  store.connect()
  for (let tries = 0; tries < 5; tries++) {
    FakeSocket.last.ends()
    mock.timers.tick(40_000)
  }
  assert.equal(store.connection.state, "reconnecting")
  assert.deepEqual(polled, [])
  assert.ok(FakeSocket.all.length > 5)
})
