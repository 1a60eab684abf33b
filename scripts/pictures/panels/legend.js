// The legend of a time series panel: a list below it, or a table with calculations below or beside.

import { CALCULATIONS, display, reduce } from "../fields.js";
import { html } from "../svg.js";

const mark = (series) => html("span", { class: `mark ${series.field.custom.lineStyle?.fill === "dash" ? "dashed" : ""}`, style: `--color: ${series.color}` });

function table(shown, calculations, context) {
  const head = html("tr", {}, html("th", {}, "Name"), ...calculations.map((one) => html("th", {}, CALCULATIONS[one] ?? one)));
  const rows = shown.map((series) => {
    const cells = calculations.map((one) => html("td", {}, display(reduce(series.values, one), series.field, context.to).text));
    return html("tr", {}, html("td", { class: "name" }, mark(series), series.name), ...cells);
  });
  return html("table", { class: "legend" }, html("thead", {}, head), html("tbody", {}, ...rows));
}

function list(shown, calculations, context) {
  const entries = shown.map((series) => {
    const values = calculations.map((one) => html("span", { class: "value" }, `${CALCULATIONS[one] ?? one}: ${display(reduce(series.values, one), series.field, context.to).text}`));
    return html("span", { class: "entry" }, mark(series), html("span", { class: "name" }, series.name), ...values);
  });
  return html("div", { class: "legend" }, ...entries);
}

/** Says how many entries the space has no room for, where Grafana would scroll. */
function cut(holder, entries) {
  const bottom = holder.getBoundingClientRect().bottom + 1;
  const hidden = entries.filter((entry) => entry.getBoundingClientRect().bottom > bottom);
  if (hidden.length === 0) return;
  hidden.forEach((entry) => entry.remove());
  holder.append(html("span", { class: "more" }, `+${hidden.length} more`));
}

/** Adds the legend to `box`. */
export function add(box, series, { displayMode = "list", placement = "bottom", calcs = [], showLegend = true, sortBy, sortDesc, width } = {}, context) {
  let shown = series.filter(({ field }) => !field.custom.hideFrom?.legend);
  if (!showLegend || displayMode === "hidden" || shown.length === 0) return;
  const by = Object.keys(CALCULATIONS).find((one) => CALCULATIONS[one] === sortBy);
  if (by) shown = [...shown].sort((a, b) => (sortDesc ? -1 : 1) * (reduce(a.values, by) - reduce(b.values, by)));
  const drawn = displayMode === "table" ? table(shown, calcs, context) : list(shown, calcs, context);
  const holder = html("div", { class: `legend-holder ${placement}` }, drawn);
  if (placement === "right") holder.style.flexBasis = width ? `${width}px` : displayMode === "table" ? "34%" : "20%";
  box.classList.add(placement);
  box.append(holder);
  cut(holder, [...drawn.querySelectorAll(".entry, tbody tr")]);
}
