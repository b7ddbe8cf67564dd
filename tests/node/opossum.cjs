// What opossum and opossum-hystrix really say: one breaker through all its states, as JSON on standard output.

const { setTimeout: sleep } = require("node:timers/promises")
const CircuitBreaker = require("opossum")
const HystrixStats = require("opossum-hystrix")

const WINDOW = { rollingCountTimeout: 500, rollingCountBuckets: 10 } // a snapshot each 50 ms

async function main() {
  const awake = setInterval(() => {}, 1_000) // opossum's own timers keep no program alive
  let healthy = true
  const breaker = new CircuitBreaker(
    async () => {
      if (!healthy) throw new Error("no answer")
      return "in stock"
    },
    { name: "stock", group: "warehouse", resetTimeout: 60, errorThresholdPercentage: 50, timeout: 200, ...WINDOW },
  )
  const frames = []
  const stream = new HystrixStats([breaker]).getHystrixStream()
  stream.on("data", (frame) => frames.push(frame.toString()))
  const said = {}
  const look = (state) => (said[state] = JSON.parse(JSON.stringify(breaker)))
  // A frame tells only open or not, and comes each 50 ms: the next one is of this state.
  const framed = async () => {
    const before = frames.length
    while (frames.length === before) await sleep(5)
  }

  await breaker.fire()
  look("closed")
  await framed()
  healthy = false
  const opened = new Promise((resolve) => breaker.once("open", resolve))
  const half = new Promise((resolve) => breaker.once("halfOpen", resolve))
  while (!breaker.opened) await breaker.fire().catch(() => {})
  await opened
  look("open")
  await framed()
  await half
  look("half_open")
  healthy = true
  await breaker.fire()
  look("closed_again")
  await framed()
  breaker.disable()
  look("disabled")
  breaker.enable()
  breaker.shutdown()
  look("shutdown")
  clearInterval(awake)
  process.stdout.write(JSON.stringify({ said, frames }))
}

main()
