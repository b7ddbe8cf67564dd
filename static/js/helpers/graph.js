// The graph behind the map: names and ways between them. Pure; tested without a browser.

/** Names and ways of edges [{service, dependency, state, …}]. A dependency that is a service too is one name. */
export const graphOf = (edges) => {
  const spots = new Map()
  const spot = (name) => spots.get(name) ?? spots.set(name, { name, calls: [], called: [] }).get(name)
  const ways = edges.map((edge) => {
    const way = { ...edge, key: keyOf(edge) }
    spot(edge.service).calls.push(way)
    spot(edge.dependency).called.push(way)
    return way
  })
  return { spots: [...spots.values()].sort((one, other) => compare(one.name, other.name)), ways }
}

export const keyOf = ({ service, dependency }) => JSON.stringify([service, dependency])

/** What the picture's shape depends on, and nothing else: while it is the same, nothing moves. */
export const shapeOf = (edges) => JSON.stringify(edges.map(keyOf).sort())

export const kindOf = (spot) => (spot.calls.length ? "service" : "dependency")

/** Where everything is, by dagre: {width, height, spots: Map of name to {x, y}, ways: Map of key to points}. */
export const placed = (dagre, graph, box, options = {}) => {
  const layout = new dagre.Graph().setGraph({ rankdir: "LR", ...options }).setDefaultEdgeLabel(() => ({}))
  // By number: dagre keeps nodes as properties, and a name may be one that every object has.
  const ids = new Map(graph.spots.map(({ name }, place) => [name, `n${place}`]))
  for (const id of ids.values()) layout.setNode(id, { ...box })
  for (const way of graph.ways) layout.setEdge(ids.get(way.service), ids.get(way.dependency))
  dagre.layout(layout)
  const { width, height } = layout.graph()
  const spots = new Map([...ids].map(([name, id]) => [name, layout.node(id)]))
  const pointsOf = (way) => layout.edge(ids.get(way.service), ids.get(way.dependency)).points
  return { width, height, spots, ways: new Map(graph.ways.map((way) => [way.key, pointsOf(way)])) }
}

/** How a name stands: as its worst way that leads to it; one that only calls stands by itself. */
export const stateOf = (spot) => spot.called.find(({ state }) => CUT.has(state))?.state ?? ""

const CUT = new Set(["open", "forced_open"])

/** Everything that a name reaches, and everything that reaches it: {spots: Set of names, ways: Set of keys}. */
export const pathsOf = (graph, name) => {
  const byName = new Map(graph.spots.map((spot) => [spot.name, spot]))
  const lit = { spots: new Set([name]), ways: new Set() }
  for (const [side, end] of [["calls", "dependency"], ["called", "service"]]) {
    const seen = new Set([name])
    const open = [name]
    while (open.length) {
      for (const way of byName.get(open.pop())?.[side] ?? []) {
        lit.ways.add(way.key)
        lit.spots.add(way[end])
        if (!seen.has(way[end])) open.push(way[end])
        seen.add(way[end])
      }
    }
  }
  return lit
}

/** A name in the width of a box: its middle gives way. */
export const cut = (name, most = 22) => {
  if (name.length <= most) return name
  const half = (most - 1) / 2
  return `${name.slice(0, Math.ceil(half))}…${name.slice(-Math.floor(half))}`
}

const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0)
