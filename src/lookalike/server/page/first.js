// Runs before anything is drawn: a chosen theme must not flash in the other one first, and what
// somebody gives before the page's own scripts have come must neither replace the page nor reach
// an address that servers see.
addEventListener("submit", (event) => event.preventDefault());
for (const name of ["dragover", "drop"])
  addEventListener(name, (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
{
  let theme = null;
  try {
    theme = localStorage.getItem("lookalike.theme");
  } catch {
    // Storage may be forbidden; the system's theme is shown then.
  }
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
}
