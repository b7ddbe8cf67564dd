// The graph behind the map: names, ways, and what a name's paths are.

import assert from "node:assert/strict"
import { test } from "node:test"

import { cut, graphOf, keyOf, kindOf, pathsOf, placed, shapeOf, stateOf } from "../../static/js/helpers/graph.js"
import * as dagre from "../../static/vendor/dagre-3.1.3/dagre.esm.js"

const edge = (service, dependency, state = "closed") => ({ service, dependency, state })
const BOX = { width: 186, height: 34 }
const EDGES = [
  edge("shop", "orders"),
  edge("orders", "db", "open"),
  edge("orders", "cdn"),
  edge("search", "es", "half_open"),
  edge("db", "shop"),
]

test("a dependency that is a service too is one name", () => {
  const { spots, ways } = graphOf(EDGES)
  assert.deepEqual(spots.map(({ name }) => name), ["cdn", "db", "es", "orders", "search", "shop"])
  assert.equal(ways.length, 5)
  assert.deepEqual(spots.map(kindOf), ["dependency", "service", "dependency", "service", "service", "service"])
})

test("a name is cut off where a way to it is", () => {
  const { spots } = graphOf(EDGES)
  assert.deepEqual(Object.fromEntries(spots.map((spot) => [spot.name, stateOf(spot)]).filter(([, state]) => state)), { db: "open" })
})

test("its paths are all that it reaches and all that reaches it, round in circles too", () => {
  const lit = pathsOf(graphOf(EDGES), "orders")
  assert.deepEqual([...lit.spots].sort(), ["cdn", "db", "orders", "shop"])
  assert.ok(!lit.ways.has(keyOf(edge("search", "es"))))
  assert.equal(lit.ways.size, 4)
  assert.deepEqual([...pathsOf(graphOf(EDGES), "es").spots].sort(), ["es", "search"])
})

test("the shape depends on names alone, not on states or their order", () => {
  assert.equal(shapeOf(EDGES), shapeOf([...EDGES].reverse().map((each) => ({ ...each, state: "open" }))))
  assert.notEqual(shapeOf(EDGES), shapeOf(EDGES.slice(1)))
})

test("names that hold anything are told apart", () => {
  assert.notEqual(keyOf(edge('a","b', "c")), keyOf(edge("a", 'b","c')))
  const { spots } = graphOf([edge("__proto__", "constructor")])
  assert.deepEqual(spots.map(({ name }) => name), ["__proto__", "constructor"])
})

test("names that every object has get places like any other", () => {
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf", "n0", "0"]
  const edges = names.flatMap((name) => [edge(name, "db"), edge("shop", name)])
  const graph = graphOf(edges)
  const { spots, ways } = placed(dagre, graph, BOX)
  assert.equal(new Set([...spots.values()].map(({ x, y }) => `${x} ${y}`)).size, names.length + 2)
  assert.deepEqual([...ways.keys()], edges.map(keyOf))
  assert.ok([...ways.values()].every((points) => points.every(({ x, y }) => Number.isFinite(x + y))))
})

test("a long name loses its middle", () => {
  assert.equal(cut("short"), "short")
  assert.equal(cut("a-very-long-service-name-indeed").length, 22)
})

test("several hundred ways have places, the same ones each time, within five seconds", () => {
  const edges = []
  for (let at = 0; at < 400; at += 1) edges.push(edge(`service-${at % 60}`, `dependency-${(at * 7) % 90}`))
  const laid = () => {
    const { spots } = placed(dagre, graphOf(edges), BOX)
    return [...spots].map(([name, { x, y }]) => [name, x, y])
  }
  const began = performance.now()
  const first = laid()
  assert.ok(performance.now() - began < 5_000)
  assert.deepEqual(laid(), first)
})
