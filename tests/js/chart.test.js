// The chart's times in the page's zone, and the shortest opening on the narrowest screen.

import assert from "node:assert/strict"
import { test } from "node:test"

import { moved, widened } from "../../static/js/helpers/chart.js"

const HOUR = 3_600_000
const figure = () => ({
  data: [
    { type: "bar", meta: { field: "state", role: "closed" }, base: [0, 5 * HOUR], x: [HOUR, 1], y: [0, 0] },
    { type: "bar", meta: { field: "lane", role: "open" }, base: [HOUR, 10 * HOUR - 1], x: [1, 1], y: [0, 0] },
    { type: "scatter", meta: { field: "success", role: "closed" }, x0: 0, dx: HOUR, y: [1, 2] },
    { type: "scatter", meta: { field: "threshold", role: "open" }, x: [0, 10 * HOUR], y: [50, 50] },
  ],
  layout: { xaxis: { type: "date", range: [0, 10 * HOUR] }, shapes: [{ type: "line", x0: HOUR, x1: HOUR, y0: 0 }] },
})

const at = (hour, ms = 0) => new Date(hour * HOUR + ms).toISOString().slice(0, -1)

test("every time is moved and written out, and no length", () => {
  const { data, layout } = moved(figure(), 2 * HOUR)
  assert.deepEqual(data.map(({ base, x, x0, dx }) => ({ base, x, x0, dx })), [
    { base: [at(2), at(7)], x: [HOUR, 1], x0: undefined, dx: undefined },
    { base: [at(3), at(12, -1)], x: [1, 1], x0: undefined, dx: undefined },
    { base: undefined, x: undefined, x0: "1970-01-01T02:00:00.000", dx: HOUR },
    { base: undefined, x: [at(2), at(12)], x0: undefined, dx: undefined },
  ])
  assert.deepEqual(layout.xaxis.range, [at(2), at(12)])
  assert.deepEqual(layout.shapes, [{ type: "line", x0: at(3), x1: at(3), y0: 0 }])
})

test("an opening of a millisecond is two pixels wide on a telephone, and stays in the range", () => {
  const { data } = widened(figure(), 200)
  const pixel = (10 * HOUR) / 200
  assert.deepEqual([data[1].x, data[1].base], [[2 * pixel, 2 * pixel], [HOUR, 10 * HOUR - 2 * pixel]])
  // What is calm may be as narrow as it is.
  assert.deepEqual(data[0].x, [HOUR, 1])
  assert.deepEqual(data.slice(2), figure().data.slice(2))
})
