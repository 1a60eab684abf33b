// One bar a series, coloured by thresholds: plain, as a gradient, or of cells.

import { fade, steps, threshold } from "../colors.js";
import { html, widthOf } from "../svg.js";
import { bounds } from "./gauge.js";
import { values } from "./stat.js";

/** The colours a bar runs through up to `value`. */
function gradient(one, low, high, direction) {
  const shades = steps(one.field).map(({ from, color }) => ({ color, part: Number.isFinite(from) ? (from - low) / (high - low) : 0 }));
  const reach = Math.max((one.value - low) / (high - low || 1), 0.001);
  const stops = shades.filter(({ part }) => part <= reach).map(({ color, part }) => `${fade(color, 0.85)} ${((part / reach) * 100).toFixed(1)}%`);
  return stops.length > 1 ? `linear-gradient(${direction}, ${stops.join(", ")})` : fade(one.color, 0.85);
}

function cells(one, low, high, pixels) {
  const count = Math.max(8, Math.floor(pixels / 9));
  return Array.from({ length: count }, (_, at) => {
    const here = low + ((high - low) * (at + 0.5)) / count;
    const lit = one.value !== null && here <= one.value;
    const shade = (one.field.color?.mode ?? "thresholds") === "thresholds" ? threshold(here, one.field) : one.color;
    return html("i", { style: `background: ${fade(shade, lit ? 0.95 : 0.16)}` });
  });
}

function bar(one, panel, pixels, vertical) {
  const { displayMode = "gradient", showUnfilled = true } = panel.options ?? {};
  const [low, high] = bounds(one.field, one.most);
  const part = Math.min(Math.max((one.value - low) / (high - low || 1), 0), 1);
  if (displayMode === "lcd") return html("div", { class: "track cells" }, ...cells(one, low, high, pixels));
  const shade = displayMode === "gradient" ? gradient(one, low, high, vertical ? "0deg" : "90deg") : fade(one.color, 0.8);
  const edge = vertical ? `height: ${part * 100}%; border-top: 2px solid ${one.color}` : `width: ${part * 100}%; border-right: 2px solid ${one.color}`;
  return html("div", { class: `track ${showUnfilled ? "" : "bare"}` }, html("div", { class: "bar", style: `background: ${shade}; ${edge}` }));
}

export function draw(box, panel, data, context) {
  const all = values(panel, data, context);
  const most = Math.max(...all.map(({ value }) => value ?? 0));
  const vertical = panel.options?.orientation === "vertical" || (panel.options?.orientation === "auto" && box.clientWidth > box.clientHeight * 2);
  const fitted = Math.max(1, vertical ? all.length : Math.floor(box.clientHeight / 24));
  const shown = all.slice(0, fitted);
  const label = Math.min(box.clientWidth * 0.34, Math.max(...shown.map(({ name }) => widthOf(name, 12))) + 4);
  const number = Math.max(...shown.map(({ shown: { text } }) => widthOf(text, 14, 500))) + 6;
  const pixels = box.clientWidth - label - number - 24;
  box.classList.add("bars", vertical ? "upright" : "lying");
  box.append(...shown.map((one) => {
    const name = html("div", { class: "name", style: vertical ? "" : `flex-basis: ${label}px` }, one.name);
    const value = html("div", { class: "number", style: `color: ${one.color}; ${vertical ? "" : `flex-basis: ${number}px`}` }, one.shown.text);
    return html("div", { class: "line" }, name, bar({ ...one, most }, panel, pixels, vertical), value);
  }));
  if (shown.length < all.length) box.append(html("div", { class: "more" }, `+${all.length - shown.length} more`));
}
