"use strict";

// Figures: their data lies in columns, words given by their places.
const drawings = JSON.parse(document.getElementById("figures").textContent);
const views = new Map();
let chosen = [];

function rowsOf(columns) {
  const full = Object.entries(columns).map(([name, column]) =>
    [name, Array.isArray(column) ? column : column.at.map((place) => column.words[place])]);
  const length = full.length ? full[0][1].length : 0;
  return Array.from({ length }, (_, row) =>
    Object.fromEntries(full.map(([name, values]) => [name, values[row]])));
}

// Letters and rules take the page's color; the page's legend stands for all figures.
function look(width, legend) {
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
      disable: !legend, title: null, orient: "bottom", labelColor: ink, labelFont: font, labelFontSize: 12,
      symbolType: "stroke", symbolOpacity: 1, symbolStrokeWidth: 2, labelLimit: 220, columns: Math.max(1, Math.floor(width / 180)),
    },
  };
}

async function embed(place, name, width, legend) {
  const { spec, columns } = drawings[name];
  const sized = legend ? { ...spec, width } : spec;
  const { view } = await vegaEmbed(place, { ...sized, datasets: { ...spec.datasets, rows: rowsOf(columns) } }, {
    ast: true, renderer: "svg", mode: "vega-lite", actions: false, config: look(width, legend),
  });
  await view.signal("focus", chosen).runAsync();
  return view;
}

async function draw(place) {
  const name = place.dataset.figure;
  try {
    const view = await embed(place, name, place.clientWidth || 600, false);
    views.set(name, view);
    view.addEventListener("click", (_, item) => {
      if (item?.datum?.contender) toggle(item.datum.contender);
    });
  } catch (error) {
    place.textContent = `This figure could not be drawn: ${error.message}`;
  }
}

// What is in sight is drawn at once, the rest one by one without holding up the page.
const waiting = new Set(document.querySelectorAll(".chart"));
const sight = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting && waiting.delete(target)) draw(target);
  }
}, { rootMargin: "300px" });
waiting.forEach((place) => sight.observe(place));

async function drawRest() {
  for (const place of waiting) {
    waiting.delete(place);
    await draw(place);
    await new Promise((resolve) => setTimeout(resolve));
  }
  document.body.dataset.drawn = "all";
}
setTimeout(drawRest, 100);

// The legend: a contender is chosen, or no longer, in all figures and tables at once.
const legend = document.querySelector(".legend");

function choose(names) {
  chosen = names;
  legend.classList.toggle("chosen", names.length > 0);
  legend.querySelector(".all").disabled = names.length === 0;
  for (const button of legend.querySelectorAll("[data-contender]")) {
    button.setAttribute("aria-pressed", names.includes(button.dataset.contender));
  }
  // A row of a pair has two names and is seen with either.
  for (const row of new Set([...document.querySelectorAll("td.name")].map((name) => name.parentNode))) {
    const own = [...row.querySelectorAll("td.name")].map((name) => name.textContent);
    row.classList.toggle("dim", names.length > 0 && !own.some((name) => names.includes(name)));
  }
  for (const view of views.values()) view.signal("focus", names).runAsync();
}

function toggle(name) {
  choose(chosen.includes(name) ? chosen.filter((other) => other !== name) : [...chosen, name]);
}

legend.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) button.dataset.contender === undefined ? choose([]) : toggle(button.dataset.contender);
});

// Saving: a figure with a legend of its own, or its data.
function download(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function svgOf(name) {
  const place = document.createElement("div");
  const view = await embed(place, name, drawings[name].width, true);
  const text = await view.toSVG();
  view.finalize();
  return text;
}

function csvOf(name) {
  const rows = rowsOf(drawings[name].columns);
  const quoted = (value) => {
    const text = value === null ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = rows.map((row) => Object.values(row).map(quoted).join(","));
  return [Object.keys(rows[0] ?? {}).map(quoted).join(","), ...lines, ""].join("\r\n");
}

document.querySelector("main").addEventListener("click", async (event) => {
  const kind = event.target.dataset.save;
  if (!kind) return;
  const name = event.target.closest("figure").querySelector(".chart").dataset.figure;
  if (kind === "csv") download(`${name}.csv`, csvOf(name), "text/csv");
  else download(`${name}.svg`, await svgOf(name), "image/svg+xml");
});

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
  const key = (cell) => cell.dataset.order ?? cell.firstChild?.textContent ?? "";
  const rows = [...table.tBodies[0].rows].map((row) => [row, key(row.cells[column])]);
  rows.sort(([, a], [, b]) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    return up ? compare(a, b) : compare(b, a);
  });
  table.tBodies[0].append(...rows.map(([row]) => row));
}

for (const table of document.querySelectorAll("table.sortable")) {
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("button")?.closest("th");
    if (head) sort(table, head);
  });
}

// What is folded is opened by a link to it, and on paper.
function unfold() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target?.tagName === "DETAILS") target.open = true;
}
addEventListener("hashchange", unfold);
unfold();
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details:not([open])")) {
    part.open = true;
    addEventListener("afterprint", () => { part.open = false; }, { once: true });
  }
});
