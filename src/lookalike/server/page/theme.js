// Light, dark, or as the system has it.

const NEXT = { "": "dark", dark: "light", light: "" };
const WORDS = { "": "as the system has it", dark: "dark", light: "light" };

export function switchTheme() {
  const root = document.documentElement;
  const next = NEXT[root.dataset.theme ?? ""];
  if (next) root.dataset.theme = next;
  else delete root.dataset.theme;
  try {
    if (next) localStorage.setItem("lookalike.theme", next);
    else localStorage.removeItem("lookalike.theme");
  } catch {
    // Then it holds for this page only.
  }
  dispatchEvent(new Event("theme"));
  return WORDS[next];
}
