"use strict";

// Figures: letters and rules take the page's color, legends as many columns as fit.
const specs = JSON.parse(document.getElementById("figures").textContent);

function look(width) {
  const ink = "currentColor", font = "system-ui, sans-serif", faint = "#80808040";
  const axis = {
    labelColor: ink, titleColor: ink, labelFont: font, titleFont: font,
    labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal",
    domainColor: "#808080", tickColor: "#808080", gridColor: faint,
    labelLimit: Math.round(width * 0.35), labelOverlap: true,
  };
  return {
    background: null, font, axis,
    view: { stroke: null },
    title: {
      color: ink, font, fontSize: 14, limit: width - 20,
      subtitleColor: ink, subtitleFont: font, subtitleFontSize: 12,
    },
    legend: {
      labelColor: ink, labelFont: font, labelFontSize: 12, symbolStrokeWidth: 3,
      labelLimit: Math.min(220, width - 60),
      columns: Math.max(1, Math.floor(width / 160)),
    },
  };
}

async function draw(place) {
  const options = {
    ast: true, renderer: "svg", mode: "vega-lite",
    config: look(place.clientWidth || 600),
    actions: { export: true, source: false, compiled: false, editor: false },
  };
  try {
    await vegaEmbed(place, specs[place.dataset.figure], options);
  } catch (error) {
    place.textContent = `This figure could not be drawn: ${error.message}`;
  }
}

document.querySelectorAll(".chart").forEach(draw);

// Tables: a head sorts by its column, numbers as numbers, empty fields last.
function compare(first, second) {
  const [a, b] = [Number(first), Number(second)];
  return Number.isNaN(a) || Number.isNaN(b)
    ? first.localeCompare(second, "en", { numeric: true })
    : a - b;
}

function sort(table, head) {
  const column = head.cellIndex;
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows];
  rows.sort((r, s) => {
    const [a, b] = [r, s].map((row) => row.cells[column].dataset.order);
    if (a === "" || b === "") return (a === "") - (b === "");
    return up ? compare(a, b) : compare(b, a);
  });
  table.tBodies[0].append(...rows);
}

for (const table of document.querySelectorAll("table.sortable")) {
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("button")?.closest("th");
    if (head) sort(table, head);
  });
}
