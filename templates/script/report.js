// Sorting, filtering and the class switch. The report is whole without this file: it only adds controls and hides rows.
"use strict";
(() => {
  const page = document.documentElement;
  const decimal = (1.5).toLocaleString(page.lang).charAt(1);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  /** The first number in a cell; NaN where there is none, as for a dash. */
  const number = (cell) => {
    const found = cell.textContent.replace(/\u2212/g, "-").match(/[-+]?\d[\d.,]*/);
    if (!found) return NaN;
    const plain = found[0].replace(decimal === "," ? /\./g : /,/g, "").replace(",", ".");
    return parseFloat(plain);
  };

  /** Sorts a table by a column: numbers as numbers, what has none last, equals in the order printed. */
  const sort = (table, head, column) => {
    const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    all("th[aria-sort]", table).forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
    const numeric = head.classList.contains("n");
    const rows = all("tr", table.tBodies[0]).map((row) => {
      const cell = row.cells[column];
      return { row, printed: +row.dataset.printed, value: numeric ? number(cell) : cell.textContent.trim() };
    });
    rows.sort((a, b) => {
      if (!numeric) return way * a.value.localeCompare(b.value, page.lang, { numeric: true }) || a.printed - b.printed;
      const lacking = isNaN(a.value) - isNaN(b.value);
      return lacking || way * (a.value - b.value || 0) || a.printed - b.printed;
    });
    table.tBodies[0].append(...rows.map((r) => r.row));
  };

  all("table.sortable").forEach((table) => {
    if (table.tBodies.length !== 1 || table.tBodies[0].rows.length < 3) return;
    all("tr", table.tBodies[0]).forEach((row, i) => (row.dataset.printed = i));
    all("thead th", table).forEach((head, column) => {
      if (head.classList.contains("bars") || !head.textContent.trim()) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, head, column));
      head.append(button);
    });
  });

  const controls = document.getElementById("controls");
  const wanted = document.getElementById("wanted");
  const chosen = document.getElementById("chosen");
  const told = document.getElementById("told");

  /** Hides the rows whose feature does not hold the text, and the sections of other classes; on screen only. */
  const show = () => {
    const text = wanted.value.trim().toLocaleLowerCase(page.lang);
    let left = 0;
    const rows = all("[data-feature]");
    rows.forEach((row) => {
      const fits = row.dataset.feature.toLocaleLowerCase(page.lang).includes(text);
      row.classList.toggle("off", !fits);
      left += fits;
      if (text && fits) row.closest("details")?.setAttribute("open", "");
    });
    all("[data-class]").forEach((part) => {
      const other = chosen?.value && part.dataset.class !== chosen.value;
      part.classList.toggle("off", Boolean(other));
      if (chosen?.value && !other) part.querySelector(":scope > details")?.setAttribute("open", "");
    });
    told.textContent = text ? told.dataset.words.replace("{left}", left).replace("{rows}", rows.length) : "";
  };
  if (controls) {
    controls.hidden = false;
    wanted.addEventListener("input", show);
    chosen?.addEventListener("change", show);
    document.getElementById("everything").addEventListener("click", () => {
      wanted.value = "";
      if (chosen) chosen.value = "";
      show();
    });
    show(); // a browser that goes back keeps what was typed
  }
})();
