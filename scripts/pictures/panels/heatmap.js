// Buckets over time: how many of each, by colour. Buckets come counted from zero and are told apart here.

import { fade, ramp } from "../colors.js";
import { html, svg, widthOf } from "../svg.js";
import { text } from "../units.js";
import { horizontal } from "./axes.js";

const INK = "rgba(204, 204, 220, 0.72)";

/** The bounds of the buckets in order, and what fell into each at each moment. */
function buckets(series) {
  const bound = (one) => (one.labels.le === undefined ? Number(one.name) : one.labels.le === "+Inf" ? Infinity : Number(one.labels.le));
  const ordered = [...series].sort((a, b) => bound(a) - bound(b));
  return ordered.map((one, at) => ({
    bound: bound(one),
    name: one.name,
    times: one.times,
    counts: one.values.map((value, moment) => (value === null || Number.isNaN(value) ? null : Math.max(0, value - (at ? ordered[at - 1].values[moment] ?? 0 : 0)))),
  }));
}

function shader(options, most) {
  const { mode = "scheme", scheme = "Oranges", exponent = 0.5, fill = "dark-orange", reverse = false, steps = 64 } = options.color ?? {};
  const part = (count) => Math.ceil((count / most) ** exponent * steps) / steps;
  if (mode === "opacity") return (count) => fade(fill, 0.08 + 0.92 * part(count));
  return (count) => ramp(scheme, 0.12 + 0.88 * part(count), reverse);
}

function scaleBar(shade, most, unit) {
  const cells = Array.from({ length: 48 }, (_, at) => html("i", { style: `background: ${shade((most * (at + 1)) / 48)}` }));
  return html("div", { class: "ramp" }, html("span", {}, "0"), html("div", {}, ...cells), html("span", {}, text(most, unit)));
}

export function draw(box, panel, { series }, context) {
  const options = panel.options ?? {};
  const unit = options.yAxis?.unit ?? panel.fieldConfig?.defaults?.unit;
  const rows = buckets(series);
  // Buckets that nothing ever fell into say nothing at the upper end; one is kept to show that it is the end.
  const used = rows.findLastIndex(({ counts }) => counts.some((count) => count > 0));
  const shown = rows.slice(0, Math.max(used + 1, 1));
  const most = Math.max(...shown.flatMap(({ counts }) => counts.filter(Number.isFinite)), 0) || 1;
  const shade = shader(options, most);
  const chart = html("div", { class: "chart" });
  box.classList.add("bottom");
  box.append(chart);
  if (options.legend?.show !== false) box.append(scaleBar(shade, most, options.cellValues?.unit));
  const { clientWidth: width, clientHeight: height } = chart;
  const labels = shown.map(({ bound }) => (bound === Infinity ? "+Inf" : text(bound, unit, options.yAxis?.decimals)));
  const plot = { width, left: Math.max(...labels.map((label) => widthOf(label, 11))) + 12, right: width - 10, top: 8, bottom: height - 22 };
  const tall = (plot.bottom - plot.top) / shown.length;
  const [times] = shown.map((row) => row.times);
  const step = times[1] - times[0] || context.to - context.from;
  const x = (at) => plot.left + ((plot.right - plot.left) * (Math.min(Math.max(at, context.from), context.to) - context.from)) / (context.to - context.from);
  const drawn = [...horizontal(plot, context)];
  const every = Math.ceil(13 / tall);
  shown.forEach(({ counts }, row) => {
    const top = plot.bottom - tall * (row + 1);
    if (row % every === 0) drawn.push(svg("text", { x: plot.left - 8, y: top + 4, "text-anchor": "end", "font-size": 11, fill: INK }, labels[row]));
    counts.forEach((count, at) => {
      const [left, right] = [x(times[at] - step), x(times[at])];
      if (count > 0 && right > left) drawn.push(svg("rect", { x: (left + 0.5).toFixed(1), y: (top + 0.5).toFixed(1), width: Math.max(0.5, right - left - 1).toFixed(1), height: Math.max(0.5, tall - 1).toFixed(1), fill: shade(count) }));
    });
  });
  chart.append(svg("svg", { width, height }, ...drawn));
}
