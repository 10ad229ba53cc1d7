// Sort the index by a column; without this script it stands in the order of the neurons.
"use strict";
(() => {
  const table = document.querySelector("table.neurons");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];

  function sort(head, column) {
    const falls = head.ariaSort !== "descending" && column > 0;
    for (const other of heads) other.removeAttribute("aria-sort");
    head.ariaSort = falls ? "descending" : "ascending";
    const rows = [...body.rows].map((row) => [row.cells[column].dataset.sort, row]);
    const number = (text) => (text === "" ? NaN : Number(text));
    const numeric = rows.every(([key]) => key === "" || !Number.isNaN(Number(key)));
    rows.sort(([a], [b]) => {
      if (a === "" || b === "") return (a === "") - (b === "");  // what is not known comes last, either way
      const order = numeric ? number(a) - number(b) : -a.localeCompare(b);
      return falls ? -order : order;
    });
    body.append(...rows.map(([, row]) => row));
  }
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    head.addEventListener("click", () => sort(head, column));
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(head, column); }
    });
  });
})();
