// Runs before the first paint. "light" or "dark" when chosen on this device, else the system's theme by media query.
try {
  const theme = localStorage.getItem("splitreason-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is forbidden: the system's theme stays.
}
