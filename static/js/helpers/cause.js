// The likely cause beside the wall's headline: no frame tells it, so it is asked for when a card joins or leaves an incident, opens or is open no more.

import { set, write } from "./clock.js"

const REST = 1_000 // ms: the others of a storm join meanwhile

let timer = null

/** An incident has another member, or one less, or another number of them is open. */
export const causeMayDiffer = () => {
  const line = document.getElementById("cause")
  if (line) timer ??= setTimeout(() => ask(line), REST)
}

const ask = async (line) => {
  timer = null
  const answer = await fetch(line.dataset.source).catch(() => null)
  if (!answer?.ok) return
  const { dependency, share, href } = await answer.json()
  const link = line.querySelector("a")
  write(link, dependency)
  write(line.querySelector("span"), share)
  if (href) set(link, "href", href)
  line.hidden = !dependency
}
