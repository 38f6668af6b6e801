// Makes the headings of the tables buttons that sort the rows; without it the rows stay in their order.
const collator = new Intl.Collator("en", { numeric: true });

function keyOf(cell, isText) {
  const text = cell.dataset.order ?? cell.textContent;
  return isText ? text : parseFloat(text.replaceAll(",", "").replace("−", "-"));
}

function sort(table, heading, column) {
  const isText = heading.classList.contains("text");
  const before = heading.getAttribute("aria-sort");
  const descending = before ? before === "ascending" : !isText; // of numbers the highest come first
  const ordered = [...table.tBodies[0].rows].map((row) => ({ row, key: keyOf(row.cells[column], isText) }));
  ordered.sort((one, other) => {
    if (!isText && (isNaN(one.key) || isNaN(other.key))) return isNaN(one.key) - isNaN(other.key); // dashes last
    const order = isText ? collator.compare(one.key, other.key) : one.key - other.key;
    return descending ? -order : order;
  });
  table.tBodies[0].append(...ordered.map((each) => each.row));
  for (const each of heading.parentNode.cells) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const [column, heading] of [...table.tHead.rows[0].cells].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => sort(table, heading, column));
    heading.replaceChildren(button);
  }
}
