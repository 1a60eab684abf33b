// Rows and columns: units, thresholds, mappings, bars in cells.

import { fade, seriesColor } from "../colors.js";
import { configOf, display, reduce } from "../fields.js";
import { html } from "../svg.js";
import { dateText } from "../time.js";
import { bounds } from "./gauge.js";

function shade(value, shown, field, index) {
  return shown.mapped ?? seriesColor({ ...field, color: field.color ?? { mode: "thresholds" } }, index, value, "");
}

function cell(value, column, field, index, context) {
  const shown = column.type === "time" && !field.unit ? { text: dateText(value) } : typeof value === "string" && !field.mappings ? { text: value } : display(value ?? null, field, context.to);
  const { type = "auto", mode = "gradient" } = field.custom.cellOptions ?? {};
  const drawn = html("td", { class: column.type === "number" && field.custom.align !== "left" ? "right" : "" });
  const color = shade(value, shown, field, index);
  if (type === "color-text") drawn.style.color = color;
  if (type === "color-background") Object.assign(drawn.style, { background: fade(color, mode === "basic" ? 0.75 : 0.6), color: "#fff" });
  if (type === "gauge" && typeof value === "number" && Number.isFinite(value)) {
    const [low, high] = bounds(field, column.most);
    const part = Math.min(Math.max((value - low) / (high - low || 1), 0), 1) * 100;
    const bar = html("div", { class: "track" }, html("div", { class: "bar", style: `width: ${part}%; background: ${fade(color, mode === "basic" ? 0.85 : 0.7)}` }));
    drawn.append(html("div", { class: "gauge" }, bar, html("span", { style: `color: ${color}` }, shown.text)));
    return drawn;
  }
  if (field.links?.length) drawn.classList.add("link");
  drawn.append(shown.text ?? "");
  return drawn;
}

/** Columns get what they ask for; the others share the rest, numbers less than words. */
function widths(columns) {
  return columns.map(({ field, type }) => html("col", { style: field.custom.width ? `width: ${field.custom.width}px` : type === "string" ? "width: auto" : "" }));
}

export function draw(box, panel, { table }, context) {
  const columns = table.columns
    .map((column) => ({ ...column, field: configOf(panel, { ...column, names: [column.name, column.source] }) }))
    .filter(({ field }) => !field.custom.hidden && !field.custom.hideFrom?.viz)
    .map((column) => ({ ...column, most: Math.max(0, ...table.rows.map((row) => row[column.source]).filter(Number.isFinite)) }));
  const right = ({ type, field }) => (type === "number" && field.custom.align !== "left" && field.custom.cellOptions?.type !== "gauge" ? "right" : "");
  const head = html("tr", {}, ...columns.map((column) => html("th", { class: right(column) }, column.field.displayName ?? column.name, sortMark(panel, column))));
  const rows = table.rows.map((row) => html("tr", {}, ...columns.map((column, index) => cell(row[column.source], column, column.field, index, context))));
  const body = html("tbody", {}, ...rows);
  box.classList.add("rows");
  const drawn = html("table", { class: "data" }, html("colgroup", {}, ...widths(columns)), html("thead", {}, head), body);
  box.append(drawn);
  if (panel.options?.footer?.show) drawn.append(footer(panel, columns, table, context));
  const bottom = box.getBoundingClientRect().bottom;
  const hidden = rows.filter((row) => row.getBoundingClientRect().bottom > bottom - (drawn.tFoot ? 30 : 0));
  if (hidden.length === 0) return;
  hidden.push(...rows.slice(-hidden.length - 1, -hidden.length));
  hidden.forEach((row) => row.remove());
  drawn.after(html("div", { class: "more" }, `+${hidden.length} more`));
}

function sortMark(panel, column) {
  const sort = panel.options?.sortBy?.[0];
  return sort && sort.displayName === (column.field.displayName ?? column.name) ? html("span", { class: "sort" }, sort.desc ? " ↓" : " ↑") : "";
}

function footer(panel, columns, table, context) {
  const [calculation = "sum"] = panel.options.footer.reducer ?? [];
  const only = panel.options.footer.fields;
  const cells = columns.map((column, at) => {
    if (column.type !== "number" || (only?.length && !only.includes(column.name))) return html("td", {}, at === 0 ? "Total" : "");
    return html("td", { class: "right" }, display(reduce(table.rows.map((row) => row[column.source] ?? null), calculation), column.field, context.to).text);
  });
  return html("tfoot", {}, html("tr", {}, ...cells));
}
