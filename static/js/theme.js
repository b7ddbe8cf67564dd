// Before the first paint: the theme that was chosen here before. Not a module, for modules run after it.
try {
  const theme = localStorage.getItem("theme")
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme
} catch {
  // No storage, no choice: the system's theme stands.
}
