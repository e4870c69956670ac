"use strict";
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
    const isNumber = head.classList.contains("number");
    const was = head.getAttribute("aria-sort");
    const next = was ? (was === "ascending" ? "descending" : "ascending") : (isNumber ? "descending" : "ascending");
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", next);
    const sign = next === "ascending" ? 1 : -1;
    const rows = [...table.tBodies[0].rows];
    const value = row => row.cells[column].dataset.v;
    rows.sort((one, other) => {
      const a = value(one), b = value(other);
      if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
      return sign * (isNumber ? a - b : a.localeCompare(b, undefined, { numeric: true }));
    });
    table.tBodies[0].append(...rows);
  }));
}
for (const field of document.querySelectorAll(".filter")) {
  const rows = field.nextElementSibling.querySelectorAll("tbody tr");
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
  });
}
/* Pointing at a series, or at its row in a table, makes all others of its set pale. */
const numberOf = element => {
  const found = element.closest(".series, tr[data-series]");
  if (!found) return null;
  if (found.dataset.series !== undefined) return found.dataset.series;
  return [...found.classList].find(name => /^s\d+$/.test(name)).slice(1);
};
for (const chapter of document.querySelectorAll(".chapter")) {
  let lit = null;
  const series = chapter.querySelectorAll(".series");
  const light = number => {
    if (number === lit) return;
    lit = number;
    for (const each of series) each.classList.toggle("dim", number !== null && !each.classList.contains("s" + number));
  };
  chapter.addEventListener("pointerover", event => light(numberOf(event.target)));
  chapter.addEventListener("pointerleave", () => light(null));
}
const theme = document.querySelector(".theme");
if (theme) theme.addEventListener("click", () => {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme || (isDark ? "dark" : "light");
  document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
});
