// Charts: the server's figure, in the page's zone, and with nothing in it too narrow to be seen.

const NARROWEST = 2 // px

/** The figure with all its times moved by so many ms: Plotly tells every time as if it were UTC. */
export const moved = ({ data, layout }, by) => {
  const all = (times) => times.map((at) => at + by)
  return {
    data: data.map((trace) => {
      // The length of a bar lies on the time axis too; it is no time.
      if (trace.base) return { ...trace, base: all(trace.base) }
      return trace.x ? { ...trace, x: all(trace.x) } : { ...trace, x0: trace.x0 + by }
    }),
    layout: {
      ...layout,
      xaxis: { ...layout.xaxis, range: all(layout.xaxis.range) },
      shapes: (layout.shapes ?? []).map((shape) => ({ ...shape, x0: shape.x0 + by, x1: shape.x1 + by })),
    },
  }
}

/** The figure with no state but closed narrower than two pixels of a plot so wide. The worst is drawn last, so it wins them. */
export const widened = ({ data, layout }, width) => {
  const [start, end] = layout.xaxis.range
  const least = (NARROWEST * (end - start)) / Math.max(width, 1)
  const wide = (trace) => {
    const x = trace.x.map((length) => Math.max(length, least))
    return { ...trace, x, base: trace.base.map((at, place) => Math.max(start, Math.min(at, end - x[place]))) }
  }
  const narrow = ({ type, meta }) => type === "bar" && ["state", "lane"].includes(meta.field) && meta.role !== "closed"
  return { data: data.map((trace) => (narrow(trace) ? wide(trace) : trace)), layout }
}
