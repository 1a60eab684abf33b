// A value on an arc, with the thresholds as a thin ring around it.

import { steps } from "../colors.js";
import { arc, fitting, html, svg, widthOf } from "../svg.js";
import { text } from "../units.js";
import { values } from "./stat.js";

const [FIRST, LAST] = [-115, 115];

/** The ends of the scale: percentages have natural ones. */
export function bounds(field, value) {
  const natural = { percentunit: 1, percent: 100 }[field.unit];
  return [field.min ?? 0, field.max ?? natural ?? Math.max(value ?? 0, ...steps(field).map(({ from }) => from).filter(Number.isFinite), 1)];
}

function dial(one, width, height, named, labels) {
  const [low, high] = bounds(one.field, one.value);
  const part = (value) => Math.min(Math.max((value - low) / (high - low || 1), 0), 1);
  const angle = (value) => FIRST + (LAST - FIRST) * part(value);
  const room = height - (named ? 20 : 4);
  const radius = Math.min(width / 2 - 6, room / 1.46);
  const [cx, cy] = [width / 2, radius + 3 + Math.max(0, (room - radius * 1.46) / 2)];
  const thick = radius * 0.24;
  const ring = steps(one.field).map(({ from, color }, at, all) => {
    const [begin, end] = [angle(Number.isFinite(from) ? from : low), angle(all[at + 1]?.from ?? high)];
    return end > begin ? svg("path", { d: arc(cx, cy, radius, radius - 4, begin, end), fill: color }) : null;
  });
  const [outer, inner] = [radius - 7, radius - 7 - thick];
  const drawn = svg("svg", { width, height }, ...ring, svg("path", { d: arc(cx, cy, outer, inner, FIRST, LAST), fill: "rgba(204, 204, 220, 0.1)" }));
  if (one.value !== null && part(one.value) > 0) drawn.append(svg("path", { d: arc(cx, cy, outer, inner, FIRST, Math.max(angle(one.value), FIRST + 1)), fill: one.color }));
  const size = fitting(one.shown.text, inner * 1.55, radius * 0.5, 500);
  drawn.append(svg("text", { x: cx, y: cy + size * 0.36, "text-anchor": "middle", "font-size": size, "font-weight": 500, fill: one.color }, one.shown.text));
  if (labels) {
    for (const { from } of steps(one.field).filter(({ from }) => Number.isFinite(from) && from > low && from < high)) {
      const turn = (angle(from) * Math.PI) / 180;
      const words = text(from, one.field.unit);
      drawn.append(svg("text", { x: Math.min(cx + (radius + 5) * Math.sin(turn), width - widthOf(words, 10) - 2), y: cy - (radius + 5) * Math.cos(turn), "font-size": 10, fill: "rgba(204, 204, 220, 0.65)", "text-anchor": turn < 0 ? "end" : "start" }, words));
    }
  }
  if (named) drawn.append(svg("text", { x: cx, y: height - 5, "text-anchor": "middle", "font-size": 12, fill: "rgb(204, 204, 220)" }, one.name));
  return drawn;
}

export function draw(box, panel, data, context) {
  const all = values(panel, data, context);
  const { clientWidth: width, clientHeight: height } = box;
  const across = width >= height;
  const each = across ? [width / all.length, height] : [width, height / all.length];
  box.classList.add("tiles", across ? "across" : "down");
  box.append(...all.map((one) => html("div", { class: "dial" }, dial(one, ...each, all.length > 1, panel.options?.showThresholdLabels))));
}
