// The picture that frames make: the same files as the server's property test ($FRAMES), and small cases by hand.

import assert from "node:assert/strict"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { apply, empty, newer, shown } from "../../static/js/live/picture.js"

const pictureOf = (frames) => {
  const picture = empty()
  for (const frame of frames) apply(picture, frame)
  return picture
}
const byId = (items) => Object.fromEntries(items.map((item) => [item.id, item]))

const directory = process.env.FRAMES
for (const file of directory ? readdirSync(directory) : []) {
  test(`the frames of ${file} lead to the new snapshot`, () => {
    const { frames, mixed, after } = JSON.parse(readFileSync(join(directory, file)))
    const picture = pictureOf(frames)
    assert.deepEqual(byId(shown(picture)), byId(after.data.items))
    assert.deepEqual(picture.counts, after.data.counts)
    assert.deepEqual(byId(shown(pictureOf(mixed))), byId(after.data.items))
  })
}

const card = (id, version, more = {}) => ({ id, version, state: "closed", ...more })
const snapshot = (...items) => ({ op: "snapshot", data: { counts: {}, items, next: null } })
const delta = (...data) => ({ op: "delta", data })

test("the newest version wins", () => {
  assert.ok(newer(undefined, card("1", 1)))
  assert.ok(newer(card("1", 1), card("1", 2)))
  assert.ok(!newer(card("1", 2), card("1", 2)))
  const picture = pictureOf([snapshot(card("1", 5, { state: "open" })), delta(card("1", 4), card("2", 3))])
  assert.deepEqual(shown(picture).map(({ id, state }) => [id, state]), [["1", "open"], ["2", "closed"]])
})

test("what is removed stays away from late frames, until the next snapshot", () => {
  const gone = { id: "1", version: 7, removed: true }
  const picture = pictureOf([snapshot(card("1", 5)), delta(gone), delta(card("1", 6))])
  assert.deepEqual(shown(picture), [])
  apply(picture, delta(card("1", 8)))
  assert.equal(shown(picture).length, 1)
  apply(picture, snapshot())
  assert.equal(shown(picture).length, 0)
})

test("apply returns what was news", () => {
  const picture = pictureOf([snapshot(card("1", 5))])
  assert.deepEqual(apply(picture, delta(card("1", 5), card("2", 6))), [card("2", 6)])
})
