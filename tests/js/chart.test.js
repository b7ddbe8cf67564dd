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

test("every time is moved, and no length", () => {
  const { data, layout } = moved(figure(), 2 * HOUR)
  assert.deepEqual(data.map(({ base, x, x0, dx }) => ({ base, x, x0, dx })), [
    { base: [2 * HOUR, 7 * HOUR], x: [HOUR, 1], x0: undefined, dx: undefined },
    { base: [3 * HOUR, 12 * HOUR - 1], x: [1, 1], x0: undefined, dx: undefined },
    { base: undefined, x: undefined, x0: 2 * HOUR, dx: HOUR },
    { base: undefined, x: [2 * HOUR, 12 * HOUR], x0: undefined, dx: undefined },
  ])
  assert.deepEqual(layout.xaxis.range, [2 * HOUR, 12 * HOUR])
  assert.deepEqual(layout.shapes, [{ type: "line", x0: 3 * HOUR, x1: 3 * HOUR, y0: 0 }])
})

test("an opening of a millisecond is two pixels wide on a telephone, and stays in the range", () => {
  const { data } = widened(figure(), 200)
  const pixel = (10 * HOUR) / 200
  assert.deepEqual([data[1].x, data[1].base], [[2 * pixel, 2 * pixel], [HOUR, 10 * HOUR - 2 * pixel]])
  // What is calm may be as narrow as it is.
  assert.deepEqual(data[0].x, [HOUR, 1])
  assert.deepEqual(data.slice(2), figure().data.slice(2))
})
