// One large number a series, with its course behind it.

import { fade, threshold } from "../colors.js";
import { display, reduce } from "../fields.js";
import { fitting, html, start, svg, through } from "../svg.js";

const finite = (value) => value !== null && Number.isFinite(value);

/** The values a panel reduces to: one a series. */
export function values(panel, { series }, context) {
  const calculation = panel.options?.reduceOptions?.calcs?.[0] ?? "lastNotNull";
  return series.map((one) => {
    const value = reduce(one.values, calculation);
    const shown = display(value, one.field, context.to);
    const mode = one.field.color?.mode ?? "thresholds";
    return { ...one, value, shown, color: shown.mapped ?? (mode === "thresholds" ? threshold(value, one.field) : one.color) };
  });
}

function spark(one, width, height, color) {
  const known = one.values.filter(finite);
  if (known.length < 2) return null;
  const low = Math.min(one.field.min ?? Infinity, ...known);
  const high = Math.max(...known);
  const [first, last] = [one.times[0], one.times.at(-1)];
  const points = one.values.map((value, at) => [(width * (one.times[at] - first)) / (last - first), height - 2 - ((height - 6) * (value - low)) / (high - low || 1), value]).filter(([, , value]) => finite(value));
  const line = start(points[0]) + through(points);
  return svg("svg", { class: "spark", width, height }, svg("path", { d: `${line}V${height}H${points[0][0].toFixed(1)}Z`, fill: fade(color, 0.22) }), svg("path", { d: line, fill: "none", stroke: color, "stroke-width": 1.2 }));
}

function tile(one, panel, width, height, many) {
  const { colorMode = "value", graphMode = "area", textMode = "auto", justifyMode = "auto" } = panel.options ?? {};
  const named = textMode === "value_and_name" || textMode === "name" || (textMode === "auto" && many);
  const { number, suffix } = textMode === "name" ? { number: one.name, suffix: "" } : textMode === "none" ? { number: "", suffix: "" } : one.shown;
  const solid = colorMode.startsWith("background");
  const room = (graphMode === "area" && one.values.length > 1 ? 0.58 : 0.78) * height - (named ? 16 : 0);
  const size = fitting(number, (width - 20) * (suffix ? 0.72 : 0.94), Math.min(room, 64), 500);
  const drawn = html("div", { class: `tile ${justifyMode === "center" || !(graphMode === "area" && one.values.length > 1) ? "center" : ""} ${solid ? "solid" : ""}` });
  if (solid) drawn.style.background = `linear-gradient(120deg, ${fade(one.color, 0.92)}, ${fade(one.color, 0.66)})`;
  const ink = solid ? "#fff" : colorMode === "none" ? "var(--text)" : one.color;
  if (named && textMode !== "name") drawn.append(html("div", { class: "name" }, one.name));
  drawn.append(html("div", { class: "number", style: `font-size: ${size}px; color: ${ink}` }, number, html("span", { class: "suffix" }, suffix)));
  if (graphMode === "area") drawn.append(spark(one, width, Math.round(height * 0.36), solid ? "#ffffff" : one.color) ?? "");
  return drawn;
}

export function draw(box, panel, data, context) {
  const all = values(panel, data, context);
  const { clientWidth: width, clientHeight: height } = box;
  const orientation = panel.options?.orientation ?? "auto";
  const across = orientation === "vertical" || (orientation === "auto" && width > height * 1.2);
  const gap = 6;
  box.classList.add("tiles", across ? "across" : "down");
  const each = across ? [(width - gap * (all.length - 1)) / all.length, height] : [width, (height - gap * (all.length - 1)) / all.length];
  box.append(...all.map((one) => tile(one, panel, ...each, all.length > 1)));
}
