import assert from "node:assert/strict"
import { test } from "node:test"

import { quoted, wanted, wordAt } from "../../static/js/helpers/query-field.js"

test("the word under the caret", () => {
  assert.deepEqual(wordAt("state:open serv", 15), { start: 11, word: "serv" })
  assert.deepEqual(wordAt("state:open ", 11), { start: 11, word: "" })
  assert.equal(wordAt('name:"card au', 13), null)
})

test("what a word asks for", () => {
  assert.deepEqual(wanted("sta"), { kind: "field", prefix: "sta" })
  assert.deepEqual(wanted("-state:op"), { kind: "state", prefix: "op" })
  assert.deepEqual(wanted("state:open,ha"), { kind: "state", prefix: "ha" })
  assert.deepEqual(wanted("Service:Pay"), { kind: "value", field: "service", prefix: "Pay" })
  assert.deepEqual(wanted("label.te"), { kind: "label", prefix: "te" })
  assert.deepEqual(wanted("label.team:o"), { kind: "value", field: "label.team", prefix: "o" })
})

test("values are quoted where they need it", () => {
  assert.deepEqual(["plain", "two words", 'a "b"', "x:80", "-x", ""].map(quoted), [
    "plain",
    '"two words"',
    '"a \\"b\\""',
    '"x:80"',
    '"-x"',
    '""',
  ])
})
