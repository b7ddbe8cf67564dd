// Plotly, fetched once and only where a chart stands.

let loading = null

/** The library from its address, as a promise. */
export const plotly = (address) => {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script")
    script.src = address
    script.onload = () => resolve(globalThis.Plotly)
    script.onerror = () => reject(new Error(`the chart library did not load from ${address}`))
    document.head.append(script)
  })
  return loading
}

const probe = document.createElement("span")
probe.hidden = true

/** What a colour token is worth in the theme of now. */
export const colour = (token) => {
  if (!probe.isConnected) document.body.append(probe)
  probe.style.color = `var(${token})`
  return getComputedStyle(probe).color
}

/** The same colour, let through. */
export const faded = (rgb, opacity) => rgb.replace(/^rgb\((.*)\)$/, (_, parts) => `rgba(${parts}, ${opacity})`)
