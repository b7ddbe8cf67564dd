// The board's doubts about itself: what is ill, since when, and what it means. Told by the socket, on every page.

import { store } from "../live/store.js"
import { make, timeAt } from "./making.js"

export const startDoubts = (list) => {
  if (!list) return
  store.subscribe("doubts", ({ kind, data }) => {
    if (kind !== "snapshot") return
    const told = JSON.stringify(data.items)
    if (list.dataset.told === told) return
    list.dataset.told = told
    list.replaceChildren(...data.items.map(item))
    list.hidden = !data.items.length
  })
}

const item = ({ id, since, said, means }) =>
  make("li", { class: "notice warning", "data-part": id }, make("b", {}, said), " since ", timeAt(since), `: ${means}.`)
