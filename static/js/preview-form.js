// A form that says what it would do while it is filled in: rules ("would have fired …") and silences ("hides …").

const WAITS = 300 // ms of no typing before it asks

const form = document.querySelector("form[data-preview]")
const said = form?.querySelector("[data-said]")
const sentence = form?.querySelector("[data-sentence]")
let timer = 0
let asked = 0

const ask = async () => {
  const number = ++asked
  const query = new URLSearchParams(new FormData(form))
  query.delete("csrfmiddlewaretoken")
  const response = await fetch(`${form.dataset.preview}?${query}`, { headers: { Accept: "application/json" } })
  // An older answer never overwrites a newer one.
  if (!response.ok || number !== asked) return
  const told = await response.json()
  said.textContent = told.said.charAt(0).toUpperCase() + told.said.slice(1)
  if (sentence) sentence.textContent = told.sentence
}

form?.addEventListener("input", () => {
  clearTimeout(timer)
  timer = setTimeout(() => ask().catch(() => {}), WAITS)
})
