// Runs before anything is drawn: a chosen theme must not flash in the other one first.
{
  let theme = null;
  try {
    theme = localStorage.getItem("lookalike.theme");
  } catch {
    // Storage may be forbidden; the system's theme is shown then.
  }
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
}
