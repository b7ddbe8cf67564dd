// The theme switch: system, light or dark, kept in this browser. theme.js applies it before the first paint.

export const startTheme = () => {
  const fieldset = document.querySelector(".theme-switch")
  if (!fieldset) return
  fieldset.hidden = false
  const root = document.documentElement
  const chosen = root.dataset.theme ?? ""
  for (const radio of fieldset.elements) {
    radio.checked = radio.value === chosen
    radio.addEventListener("change", () => choose(radio.value))
  }
}

const choose = (theme) => {
  const root = document.documentElement
  if (theme) root.dataset.theme = theme
  else delete root.dataset.theme
  try {
    if (theme) localStorage.setItem("theme", theme)
    else localStorage.removeItem("theme")
  } catch {
    // No storage: the choice holds for this page.
  }
  document.dispatchEvent(new Event("theme"))
}
