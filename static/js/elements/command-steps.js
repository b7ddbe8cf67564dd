// <command-steps>: each command's way to each instance, step by step, as frames tell it.

import { make, timeAt } from "../helpers/making.js"
import { evidenceWords, steps, verbWord, verdictWord } from "../helpers/said.js"

const MOST_SHOWN = 10

class CommandSteps extends HTMLElement {
  #told = ""

  /** Show the commands of a frame, newest first. */
  show(commands) {
    const told = JSON.stringify(commands)
    if (told === this.#told || (!commands.length && !this.querySelector(".command"))) return
    this.#told = told
    this.querySelector(".commands").replaceChildren(...commands.slice(0, MOST_SHOWN).map(commandOf))
  }
}

const commandOf = (command) => {
  const evidence = evidenceWords(command.evidence)
  return make(
    "li",
    { class: "command box", "data-id": command.id, "data-status": command.status },
    make(
      "p",
      { class: "command-head" },
      make("b", {}, verbWord(command.action)),
      " ",
      make("span", { class: "status", "data-status": command.status }, command.status),
      command.verdict && make("span", { class: "verdict", "data-verdict": command.verdict }, verdictWord(command.verdict)),
      make("span", { class: "caption" }, `by ${command.requested_by} at `, timeAt(command.issued_at), ...until(command)),
    ),
    make("p", { class: "wrap" }, command.reason),
    evidence && make("p", { class: "caption" }, evidence),
    make("ul", { class: "deliveries" }, ...command.deliveries.map(deliveryOf)),
  )
}

const until = (command) => (command.until ? [" until ", timeAt(command.until)] : [])

const deliveryOf = (delivery) =>
  make(
    "li",
    {},
    make("b", {}, delivery.instance),
    make(
      "ol",
      { class: "steps" },
      ...steps(delivery).map((step) =>
        make("li", { "data-step": step.name, "data-done": step.at ? "" : null }, step.word, step.at && " ", step.at && timeAt(step.at)),
      ),
    ),
    delivery.detail && make("span", { class: "caption wrap" }, delivery.detail),
  )

customElements.define("command-steps", CommandSteps)
