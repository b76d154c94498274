"use strict";
// Tables sort by a click on a column's name; the contents mark the section that is read. Without this all is there.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], columns = [...table.tHead.rows[0].cells], given = [...body.rows];
  columns.forEach((column, place) => {
    const numeric = column.classList.contains("num"), button = document.createElement("button");
    button.type = "button";
    button.append(...column.childNodes);
    column.append(button);
    const key = (row) => {
      const cell = row.cells[place];
      return numeric ? (cell.dataset.sort ? Number(cell.dataset.sort) : NaN) : cell.textContent.trim();
    };
    const compare = (a, b) => {
      if (!numeric) return a.localeCompare(b, undefined, { numeric: true });
      return Number.isNaN(a) || Number.isNaN(b) ? Number.isNaN(a) - Number.isNaN(b) : a - b;
    };
    button.addEventListener("click", () => {
      const first = numeric ? "descending" : "ascending", second = numeric ? "ascending" : "descending";
      const now = column.getAttribute("aria-sort");
      const next = now === first ? second : now === second ? null : first;
      for (const other of columns) other.removeAttribute("aria-sort");
      if (next) column.setAttribute("aria-sort", next);
      const sign = next === "descending" ? -1 : 1;
      const rows = !next ? given : [...given].sort((a, b) => {
        const left = key(a), right = key(b), missing = Number.isNaN(left) || Number.isNaN(right);
        return (missing ? 1 : sign) * compare(left, right);
      });
      body.append(...rows);
    });
  });
}
const contents = document.querySelector("nav.contents");
if (contents) {
  const links = [...contents.querySelectorAll("a")];
  const targets = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
  const mark = () => {
    const line = window.innerHeight * 0.3;
    let last = 0;
    targets.forEach((target, place) => { if (target && target.getBoundingClientRect().top <= line) last = place; });
    const end = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 2;
    const now = end && window.scrollY > 0 ? links.length - 1 : last;
    const shown = [links[now], links[now].parentElement.parentElement.parentElement.querySelector("a")];
    links.forEach((link, place) => {
      if (place === now) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
      link.classList.toggle("within", shown.includes(link) && place !== now);
    });
    const at = shown.find((link) => link.offsetParent) || links[now];
    if (contents.scrollWidth > contents.clientWidth) contents.scrollLeft = at.offsetLeft - contents.clientWidth / 3;
    else if (contents.scrollHeight > contents.clientHeight) contents.scrollTop = at.offsetTop - contents.clientHeight / 2;
  };
  let waiting = false;
  addEventListener("scroll", () => {
    if (!waiting) requestAnimationFrame(() => { waiting = false; mark(); });
    waiting = true;
  }, { passive: true });
  mark();
}
