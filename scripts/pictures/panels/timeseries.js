// Lines, areas, bars and points over time, stacked or not, on a left and a right axis.

import { fade, steps } from "../colors.js";
import { ends, linear, logarithmic } from "../scale.js";
import { start, svg, through, html } from "../svg.js";
import * as axes from "./axes.js";
import * as legend from "./legend.js";

const finite = (value) => value !== null && Number.isFinite(value);

/** Adds `low` and `high` to each series: its own values, or the edges of its layer in the stack of its group. */
function layer(series) {
  const groups = new Map();
  for (const one of series) {
    const { mode = "none", group = "A" } = one.field.custom.stacking ?? {};
    one.high = one.values.map((value) => (finite(value) ? value : null));
    one.low = null;
    if (mode === "none") continue;
    const key = `${group} ${mode} ${one.field.custom.axisPlacement}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  for (const [key, group] of groups) {
    const total = group[0].values.map((_, at) => group.reduce((all, one) => all + (finite(one.values[at]) ? one.values[at] : 0), 0));
    const below = total.map(() => 0);
    for (const one of group) {
      one.low = [...below];
      one.values.forEach((value, at) => (below[at] += finite(value) ? (key.includes("percent") ? value / (total[at] || 1) : value) : 0));
      one.high = below.map((edge, at) => (finite(one.values[at]) ? edge : null));
    }
  }
}

function axisOf(series, pixels) {
  if (series.length === 0) return null;
  const [{ field }] = series;
  const all = series.flatMap((one) => [...one.high, ...(one.low ?? [])]).filter(finite);
  const { scaleDistribution = {}, axisSoftMin: softMin, axisSoftMax: softMax, axisLabel } = field.custom;
  const zero = series.some((one) => one.low || one.field.custom.drawStyle === "bars" || one.field.custom.fillOpacity > 0);
  const [low, high] = ends(all.reduce((a, b) => Math.min(a, b), Infinity), all.reduce((a, b) => Math.max(a, b), -Infinity), { min: field.min, max: field.max, softMin, softMax, zero });
  const positive = all.filter((value) => value > 0).reduce((a, b) => Math.min(a, b), Infinity);
  const scale = scaleDistribution.type === "log" ? logarithmic(Number.isFinite(positive) ? positive : 1, high, pixels, scaleDistribution.log ?? 10) : linear(low, high, pixels, field.unit);
  const unit = field.custom.stacking?.mode === "percent" ? "percentunit" : field.unit;
  return axes.labelled(scale, unit, field.decimals, axisLabel);
}

/** The runs of points without a gap. */
function runs(series, edge, x, y, spanNulls) {
  const found = [[]];
  edge.forEach((value, at) => {
    if (finite(value)) found.at(-1).push([x(series.times[at]), y(value), at]);
    else if (!spanNulls && found.at(-1).length) found.push([]);
  });
  return found.filter((run) => run.length);
}

function lines(series, x, y, base, plot) {
  const { lineInterpolation: bend, lineWidth = 1, fillOpacity = 0, gradientMode = "none", showPoints = "auto", pointSize = 5, spanNulls, lineStyle, drawStyle } = series.field.custom;
  const drawn = [];
  for (const run of runs(series, series.high, x, y, spanNulls)) {
    const line = start(run[0]) + through(run, bend);
    if (fillOpacity > 0 && run.length > 1 && drawStyle !== "points") {
      const bottom = series.low ? run.map(([px, , at]) => [px, y(series.low[at])]).reverse() : [[run.at(-1)[0], base], [run[0][0], base]];
      const back = bend === "stepAfter" ? "stepBefore" : bend === "stepBefore" ? "stepAfter" : bend;
      const area = `${line}L${bottom[0][0].toFixed(1)},${bottom[0][1].toFixed(1)}${through(bottom, series.low ? back : "linear")}Z`;
      drawn.push(svg("path", { d: area, fill: gradientMode === "none" ? fade(series.color, fillOpacity / 100) : gradient(drawn, series, fillOpacity, plot) }));
    }
    const dash = lineStyle?.fill === "dash" ? (lineStyle.dash ?? [10, 10]).join(" ") : lineStyle?.fill === "dot" ? "0 6" : null;
    if (drawStyle !== "points" && run.length > 1) drawn.push(svg("path", { d: line, fill: "none", stroke: series.color, "stroke-width": lineWidth, "stroke-linejoin": "round", "stroke-linecap": dash === "0 6" ? "round" : null, "stroke-dasharray": dash }));
    const every = showPoints === "always" || drawStyle === "points" || run.length === 1;
    if (every && showPoints !== "never") drawn.push(...run.map(([px, py]) => svg("circle", { cx: px, cy: py, r: pointSize / 2, fill: series.color })));
  }
  return drawn;
}

let gradients = 0;

function gradient(drawn, series, fillOpacity, plot) {
  const id = `gradient-${(gradients += 1)}`;
  const stop = (offset, opacity) => svg("stop", { offset, "stop-color": series.color, "stop-opacity": opacity });
  drawn.push(svg("linearGradient", { id, gradientUnits: "userSpaceOnUse", x1: 0, x2: 0, y1: plot.top, y2: plot.bottom }, stop(0, fillOpacity / 100), stop(1, 0)));
  return `url(#${id})`;
}

function bars(series, x, y, base, step) {
  const { fillOpacity = 50, lineWidth = 1, barWidthFactor = 0.7 } = series.field.custom;
  const width = Math.max(1, (x(step) - x(0)) * barWidthFactor);
  return series.high.map((value, at) => {
    if (!finite(value)) return null;
    const [top, bottom] = [y(value), series.low ? y(series.low[at]) : base];
    const [high, low] = [Math.min(top, bottom), Math.max(top, bottom)];
    if (low - high < 0.2) return null;
    return svg("rect", { x: (x(series.times[at]) - width / 2).toFixed(1), y: high.toFixed(1), width: width.toFixed(1), height: (low - high).toFixed(1), fill: fade(series.color, fillOpacity / 100), stroke: lineWidth > 0 && width > 3 ? series.color : null });
  });
}

/** Thresholds as lines or areas, where the panel asks for them. */
function thresholds(field, plot, y) {
  const mode = field.custom.thresholdsStyle?.mode ?? "off";
  if (mode === "off") return [];
  const inside = (value) => Math.min(Math.max(y(value), plot.top), plot.bottom);
  return steps(field).flatMap(({ from, color }, at, all) => {
    const drawn = [];
    const top = inside(all[at + 1]?.from ?? Infinity);
    const bottom = inside(from);
    if (mode.includes("area") && color !== "transparent") drawn.push(svg("rect", { x: plot.left, width: plot.right - plot.left, y: top, height: Math.max(0, bottom - top), fill: fade(color, 0.1) }));
    if (/line|dashed/.test(mode) && Number.isFinite(from) && y(from) >= plot.top && y(from) <= plot.bottom) drawn.push(svg("line", { x1: plot.left, x2: plot.right, y1: bottom, y2: bottom, stroke: color, "stroke-width": 1.2, "stroke-dasharray": mode.startsWith("dashed") ? "8 6" : null }));
    return drawn;
  });
}

export function draw(box, panel, { series }, context) {
  const chart = html("div", { class: "chart" });
  box.append(chart);
  const visible = series.filter(({ field }) => !field.custom.hideFrom?.viz);
  layer(visible);
  legend.add(box, visible, panel.options?.legend, context);
  const { clientWidth: width, clientHeight: height } = chart;
  const isRight = (one) => one.field.custom.axisPlacement === "right";
  const [onLeft, onRight] = [visible.filter((one) => !isRight(one)), visible.filter(isRight)];
  const [left, right] = [axisOf(onLeft, height - 28), axisOf(onRight, height - 28)];
  const plot = axes.place(width, height, left, right);
  const x = (at) => plot.left + ((plot.right - plot.left) * (at - context.from)) / (context.to - context.from);
  const content = svg("g", { "clip-path": `inset(0)` });
  const clip = svg("svg", { x: 0, y: 0, width, height });
  for (const axis of [left, right].filter(Boolean)) {
    const y = (value) => plot.bottom - axis.scale.at(value);
    const base = Math.min(plot.bottom, Math.max(plot.top, y(Math.max(0, axis.scale.low))));
    const group = axis === left ? onLeft : onRight;
    content.append(...thresholds(group[0].field, plot, y));
    // In a stack the first series lies lowest and is drawn last, so that its line is not covered.
    for (const one of [...group].reverse()) {
      const drawn = one.field.custom.drawStyle === "bars" ? bars(one, x, y, base, one.times[1] - one.times[0] || 0) : lines(one, x, y, base, plot);
      content.append(...drawn.filter(Boolean));
    }
  }
  const id = `plot-${panel.id ?? Math.random()}`;
  clip.append(svg("clipPath", { id }, svg("rect", { x: plot.left, y: plot.top - 2, width: plot.right - plot.left, height: plot.bottom - plot.top + 3 })), ...axes.frame(plot, left, right, context), content);
  content.setAttribute("clip-path", `url(#${id})`);
  chart.append(clip);
}
