// The theme's triangles in the list of contents have no words for a screen reader.
document.addEventListener("DOMContentLoaded", () => {
  for (const summary of document.querySelectorAll("summary")) {
    if (!summary.textContent.trim()) summary.setAttribute("aria-label", "Show what is below");
  }
});

// What a lesson has under Deeper is closed: its questions stand there, and a click opens it.
// Without a script it is open.
document.addEventListener("DOMContentLoaded", () => {
  const heading = document.querySelector("section#deeper > h2");
  if (!heading) return;
  const box = document.createElement("details"), summary = document.createElement("summary");
  box.className = "course-deeper";
  const questions = [...heading.parentElement.querySelectorAll(":scope > section > h3")].map(title => {
    const words = title.cloneNode(true);
    words.querySelector(".headerlink")?.remove();
    return words.textContent.trim();
  });
  summary.textContent = questions.join(" · ") || "Show";
  while (heading.nextSibling) box.append(heading.nextSibling);
  box.prepend(summary);
  heading.after(box);

  const lead = hash => {  // a link, the list of contents or the search may lead into it
    const goal = document.getElementById(decodeURIComponent(hash.slice(1)));
    if (!goal || box.open || !heading.parentElement.contains(goal)) return;
    box.open = true;
    goal.scrollIntoView();
  };
  lead(location.hash);
  window.addEventListener("hashchange", () => lead(location.hash));
  document.addEventListener("click", event => {  // on the same link again, too, which changes no address
    const link = event.target.closest("a[href*='#']");
    if (link?.pathname == location.pathname) lead(link.hash);
  });
});

// A page on paper is open.
let opened = [];
window.addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll(":is(.course-deeper, .course-compare):not([open])")];
  for (const box of opened) box.open = true;
});
window.addEventListener("afterprint", () => { for (const box of opened) box.open = false; });

// On a phone the rows of a table with sentences stand as blocks (site.css), in which each cell names its column.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("main table")) {
    const names = [...table.querySelectorAll("thead th")].map(name => name.textContent.trim());
    const cells = [...table.querySelectorAll("tbody td")];
    if (!cells.some(cell => cell.cellIndex && cell.textContent.length > 40)) continue;
    table.classList.add("course-rows");
    for (const cell of cells) if (cell.cellIndex) cell.dataset.column = names[cell.cellIndex] ?? "";
  }
});

// On a phone the list of contents lies over the page: a heading that is chosen there closes it.
document.addEventListener("click", event => {
  if (event.target.closest("a[href^='#']")) event.target.closest("dialog")?.close();
});
