// What a topic shows, and how a frame changes it. Pure: the same JSON files test this and the server's side.
//
// A picture is {items: Map id → the newest card, counts, next}. A removed thing stays as {id, version, removed}
// until the next snapshot, so that a late frame can't bring it back.

export const newer = (known, thing) => !known || thing.version > known.version

export const empty = () => ({ items: new Map(), counts: {}, next: null })

/** The things of a snapshot's data: a wall's cards, the alerts, or a breaker's one page. */
export const itemsOf = (data) => data.items ?? [data]

/** Put a frame into the picture. Returns the things of it that were news. */
export const apply = (picture, frame) => {
  if (frame.op === "snapshot") {
    picture.items = new Map(itemsOf(frame.data).map((item) => [item.id, item]))
    picture.counts = frame.data.counts ?? picture.counts
    picture.next = frame.data.next ?? null
    return itemsOf(frame.data)
  }
  const news = frame.data.filter((item) => newer(picture.items.get(item.id), item))
  for (const item of news) picture.items.set(item.id, item)
  if (frame.counts) picture.counts = frame.counts
  return news
}

/** What is to be seen of it. */
export const shown = (picture) => [...picture.items.values()].filter((item) => !item.removed)
