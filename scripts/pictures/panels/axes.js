// The frame of a chart over time: the plot's place, grid lines, and the labels of its axes.

import { tickTexts } from "../scale.js";
import { svg, widthOf } from "../svg.js";
import { tickText, timeTicks } from "../time.js";

const SIZE = 11;
const GRID = "rgba(204, 204, 220, 0.09)";
const INK = "rgba(204, 204, 220, 0.72)";

/** The axis' labels, and the room they need. */
export function labelled(scale, unit, decimals, title) {
  const texts = tickTexts(scale.ticks, unit, decimals);
  return { scale, texts, title, width: Math.max(14, ...texts.map((words) => widthOf(words, SIZE))) + 10 + (title ? 16 : 0) };
}

const words = (text, x, y, anchor, more) => svg("text", { x, y, "text-anchor": anchor, "font-size": SIZE, fill: INK, ...more }, text);

function vertical(axis, plot, right) {
  const drawn = [];
  axis.scale.ticks.forEach((tick, at) => {
    const y = Math.round(plot.bottom - axis.scale.at(tick)) + 0.5;
    if (y < plot.top - 1 || y > plot.bottom + 1) return;
    if (!right) drawn.push(svg("line", { x1: plot.left, x2: plot.right, y1: y, y2: y, stroke: GRID }));
    drawn.push(words(axis.texts[at], right ? plot.right + 8 : plot.left - 8, y + 3.5, right ? "start" : "end"));
  });
  if (axis.title) {
    const [x, y] = [right ? plot.right + axis.width - 6 : plot.left - axis.width + 10, (plot.top + plot.bottom) / 2];
    drawn.push(words(axis.title, x, y, "middle", { transform: `rotate(-90 ${x} ${y})` }));
  }
  return drawn;
}

/** Time along the bottom. */
export function horizontal(plot, { from, to }) {
  const { ticks, step } = timeTicks(from, to, Math.max(2, Math.floor((plot.right - plot.left) / 78)));
  return ticks.flatMap((tick) => {
    const x = Math.round(plot.left + ((plot.right - plot.left) * (tick - from)) / (to - from)) + 0.5;
    const label = tickText(tick, step);
    const half = widthOf(label, SIZE) / 2;
    const inside = Math.min(Math.max(x, half), plot.width - half);
    return [svg("line", { x1: x, x2: x, y1: plot.top, y2: plot.bottom, stroke: GRID }), words(label, inside, plot.bottom + 16, "middle")];
  });
}

/** Where the plot is in a picture of this size, between its axes. */
export function place(width, height, left, right) {
  return { width, left: left ? left.width : 8, right: width - (right ? right.width : 10), top: 6, bottom: height - 22 };
}

export const frame = (plot, left, right, context) => [
  ...horizontal(plot, context),
  ...(left ? vertical(left, plot, false) : []),
  ...(right ? vertical(right, plot, true) : []),
];
