import assert from "node:assert/strict"
import { test } from "node:test"

import { Alarm } from "../../static/js/helpers/alarm.js"

const alert = (id, status) => ({ id, status, summary: `alert ${id}` })

const listening = () => {
  const rung = []
  const alarm = new Alarm((alerts) => rung.push(alerts.map(({ id }) => id)))
  return { alarm, rung }
}

test("what fires already when the page opens rings for nothing", () => {
  const { alarm, rung } = listening()
  alarm.hear({ kind: "snapshot", data: { items: [alert("1", "firing")] } })
  assert.deepEqual(rung, [])
})

test("an alert that begins to fire rings once, however often it changes", () => {
  const { alarm, rung } = listening()
  alarm.hear({ kind: "snapshot", data: { items: [] } })
  alarm.hear({ kind: "delta", data: [alert("1", "firing"), alert("2", "firing")] })
  alarm.hear({ kind: "delta", data: [alert("1", "firing")] })
  alarm.hear({ kind: "delta", data: [alert("1", "acknowledged")] })
  alarm.hear({ kind: "delta", data: [alert("2", "resolved")] })
  assert.deepEqual(rung, [["1", "2"]])
})

test("one that is given back, and so fires again, rings again", () => {
  const { alarm, rung } = listening()
  alarm.hear({ kind: "snapshot", data: { items: [alert("1", "acknowledged")] } })
  alarm.hear({ kind: "delta", data: [alert("1", "firing")] })
  assert.deepEqual(rung, [["1"]])
})

test("what began while the connection was gone rings when it is back", () => {
  const { alarm, rung } = listening()
  alarm.hear({ kind: "snapshot", data: { items: [alert("1", "firing")] } })
  alarm.hear({ kind: "snapshot", data: { items: [alert("1", "firing"), alert("2", "firing")] } })
  alarm.hear({ kind: "error", code: "too_slow" })
  alarm.hear({ kind: "delta", data: [{ id: "2", version: 9, removed: true }] })
  assert.deepEqual(rung, [["2"]])
})
