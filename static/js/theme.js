// Before the first paint: the looks that were chosen here before. Not a module, for modules run after it.
try {
  const theme = localStorage.getItem("theme")
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme
  document.documentElement.toggleAttribute("data-green", localStorage.getItem("green") === "on")
} catch {
  // No storage, no choice: the system's theme stands.
}
