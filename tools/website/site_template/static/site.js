// A page on paper is open.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("main details:not([open])")];
  for (const box of opened) box.open = true;
});
addEventListener("afterprint", () => { for (const box of opened) box.open = false; });

// On a phone the rows of a table with sentences stand as blocks (site.css), in which each cell names its column.
addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("main table")) {
    const names = [...table.querySelectorAll("thead th")].map(name => name.textContent.trim());
    const cells = [...table.querySelectorAll("tbody td")];
    if (!cells.some(cell => cell.textContent.length > 40)) continue;
    table.classList.add("course-rows");
    for (const cell of cells) if (cell.cellIndex) cell.dataset.column = names[cell.cellIndex] ?? "";
  }
});

// On a phone the list of contents lies over the page: a heading that is chosen there closes it.
document.addEventListener("click", event => {
  if (event.target.closest("a[href^='#']")) event.target.closest("dialog")?.close();
});

// The theme's triangles in the list of contents have no words for a screen reader.
addEventListener("DOMContentLoaded", () => {
  for (const summary of document.querySelectorAll("summary"))
    if (!summary.textContent.trim()) summary.setAttribute("aria-label", "Show what is below");
});
