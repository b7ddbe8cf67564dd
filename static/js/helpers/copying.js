// Snippets get a button that copies them.

const SAID_FOR = 2_000 // ms

export const startCopying = () => {
  if (!navigator.clipboard) return
  for (const snippet of document.querySelectorAll(".snippet")) {
    const button = document.createElement("button")
    button.type = "button"
    button.className = "button"
    button.textContent = "Copy"
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(snippet.querySelector("code").textContent)
      button.textContent = "Copied"
      setTimeout(() => (button.textContent = "Copy"), SAID_FOR)
    })
    snippet.append(button)
  }
}
