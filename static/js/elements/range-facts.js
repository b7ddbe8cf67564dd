// What a breaker's page says of its range beside the chart: patterns, failures by class, marks. The server draws it first.

import { make, timeAt, timeSince } from "../helpers/making.js"
import { set, write } from "../helpers/clock.js"
import { whole, zoneName } from "../helpers/words.js"

const LONGEST_SAMPLE = 240

/** Show the facts of an answer: {patterns, failures, earlier, marks}. */
export const showFacts = (root, { patterns, failures, earlier, earlier_query: around, marks }) => {
  for (const pattern of patterns) showPattern(root.querySelector(`[data-pattern="${pattern.name}"]`), pattern)
  const rows = failures.groups.length ? failures.groups.map(failureOf) : [noFailures(earlier, around)]
  root.querySelector("#failures tbody").replaceChildren(...rows)
  root.querySelector("#failures-cut").hidden = !failures.cut
  root.querySelector("#marks").replaceChildren(...(marks.length ? marks.map(markOf) : [noMarks()]))
}

/** What came before an opening, as list items. */
export const beforeOf = (each) => make("li", {}, timeAt(each.at), " ", linked(each.words, each.href))

const showPattern = (box, { value, words, loud }) => {
  write(box.querySelector("b"), value)
  write(box.querySelector("span"), words)
  box.toggleAttribute("data-loud", loud)
}

const failureOf = (group) =>
  make(
    "tr",
    {},
    make(
      "th",
      { scope: "row", class: "wrap" },
      group.type,
      group.sample && make("p", { class: "caption wrap" }, group.sample.slice(0, LONGEST_SAMPLE)),
    ),
    make("td", { class: "number" }, whole(group.count)),
    make("td", {}, timeAt(group.first_at)),
    make("td", {}, timeAt(group.last_at)),
  )

const noFailures = (earlier, around) => {
  const said = earlier
    ? ["No failures in this range; ", make("a", { href: `?${around}` }, "the last one ", timeSince(earlier), " ago"), ", about ", timeAt(earlier), ` ${zoneName(earlier)}.`]
    : ["No failures in this range, and none before it that is kept."]
  const row = make("tr", {}, make("td", { class: "empty" }, ...said))
  set(row.firstChild, "colspan", 4)
  return row
}

/** A mark, as a list item. */
export const markOf = (mark) => make("li", {}, timeAt(mark.at), " ", linked(mark.words, mark.url))

const noMarks = () => make("li", { class: "caption" }, "No deploy, config, chaos, maintenance or note is marked here. Pipelines set marks by ", make("code", {}, "POST /api/v1/annotations"), ".")

// The server takes links of http and https alone, and its own.
const linked = (words, address) =>
  address ? make("a", { href: address, rel: "noopener noreferrer" }, words) : make("span", {}, words)
