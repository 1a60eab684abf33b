// Colours: the names dashboards use, the order series take them in, thresholds, and the ramps of heatmaps.

const SHADES = {
  green: ["#C8F2C2", "#96D98D", "#73BF69", "#56A64B", "#37872D"],
  yellow: ["#FFF899", "#FFEE52", "#FADE2A", "#F2CC0C", "#E0B400"],
  red: ["#FFA6B0", "#FF7383", "#F2495C", "#E02F44", "#C4162A"],
  blue: ["#C0D8FF", "#8AB8FF", "#5794F2", "#3274D9", "#1F60C4"],
  orange: ["#FFCB7D", "#FFB357", "#FF9830", "#FF780A", "#FA6400"],
  purple: ["#DEB6F2", "#CA95E5", "#B877D9", "#A352CC", "#8F3BB8"],
};
const PREFIXES = ["super-light-", "light-", "", "semi-dark-", "dark-"];
const NAMED = { transparent: "transparent", text: "rgb(204, 204, 220)", white: "#fff", black: "#000", gray: "#8e8e9a", grey: "#8e8e9a" };
for (const [hue, shades] of Object.entries(SHADES)) shades.forEach((shade, at) => (NAMED[PREFIXES[at] + hue] = shade));

/** The order in which series take their colours. */
const CLASSIC = ["#73BF69", "#F2CC0C", "#8AB8FF", "#FF780A", "#F2495C", "#5794F2", "#B877D9", "#705DA0", "#37872D", "#FADE2A", "#447EBC", "#C15C17", "#B7DBAB", "#F4D598", "#70DBED", "#F9BA8F", "#F29191", "#82B5D8", "#E5A8E2", "#AEA2E0"];

export const color = (name) => NAMED[name] ?? name;
export const classic = (index) => CLASSIC[index % CLASSIC.length];

/** The same name has the same colour on every board. */
export function classicByName(name) {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) >>> 0;
  return classic(hash);
}

/** The steps of a panel's thresholds as numbers of its values: `{ from, color }`, the first from -Infinity. */
export function steps(field) {
  const { mode = "absolute", steps = [] } = field.thresholds ?? {};
  const [low, high] = [field.min ?? 0, field.max ?? 100];
  const value = (step) => (mode === "percentage" ? low + ((high - low) * step.value) / 100 : step.value);
  const known = steps.map((step) => ({ from: step.value === null || step.value === undefined ? -Infinity : value(step), color: color(step.color) }));
  return known.length ? known.sort((a, b) => a.from - b.from) : [{ from: -Infinity, color: NAMED.green }];
}

/** The colour of the highest threshold that `value` reaches. */
export function threshold(value, field) {
  const reached = steps(field).filter((step) => value === null || Number.isNaN(value) ? step.from === -Infinity : value >= step.from);
  return (reached.at(-1) ?? steps(field)[0]).color;
}

const RAMPS = {
  oranges: ["#2b1208", "#7f2704", "#d94801", "#f16913", "#fdae6b", "#fee6ce"],
  blues: ["#06142e", "#08306b", "#2171b5", "#4292c6", "#9ecae1", "#deebf7"],
  greens: ["#041c0b", "#00441b", "#238b45", "#41ab5d", "#a1d99b", "#e5f5e0"],
  reds: ["#2b0508", "#67000d", "#cb181d", "#ef3b2c", "#fc9272", "#fee0d2"],
  purples: ["#190a33", "#3f007d", "#6a51a3", "#807dba", "#bcbddc", "#efedf5"],
  greys: ["#1c1c1f", "#525252", "#737373", "#969696", "#d9d9d9", "#ffffff"],
  viridis: ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725"],
  magma: ["#0b0724", "#3b0f70", "#8c2981", "#de4968", "#fe9f6d", "#fcfdbf"],
  inferno: ["#0d0829", "#420a68", "#932667", "#dd513a", "#fca50a", "#fcffa4"],
  plasma: ["#0d0887", "#6a00a8", "#b12a90", "#e16462", "#fca636", "#f0f921"],
  turbo: ["#30123b", "#4686fb", "#1be5b5", "#a4fc3c", "#fb8022", "#7a0403"],
  spectral: ["#5e4fa2", "#3288bd", "#66c2a5", "#e6f598", "#fdae61", "#9e0142"],
  rdylgn: ["#1a9850", "#91cf60", "#d9ef8b", "#fee08b", "#fc8d59", "#d73027"],
  ylorrd: ["#3d0016", "#800026", "#e31a1c", "#fd8d3c", "#fed976", "#ffffcc"],
};

const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** The colour of `part` (0 to 1) of a ramp. */
export function ramp(name, part, reverse = false) {
  const stops = RAMPS[String(name ?? "oranges").toLowerCase()] ?? RAMPS.oranges;
  const place = Math.min(Math.max(reverse ? 1 - part : part, 0), 1) * (stops.length - 1);
  const at = Math.min(Math.floor(place), stops.length - 2);
  const [low, high] = [channels(stops[at]), channels(stops[at + 1])];
  return `rgb(${low.map((channel, index) => Math.round(channel + (high[index] - channel) * (place - at))).join(", ")})`;
}

/** `name` so transparent. */
export function fade(name, opacity) {
  const known = color(name);
  if (known.startsWith("#")) return `rgba(${channels(known).join(", ")}, ${opacity})`;
  return known.replace(/^rgb\((.*)\)$/, `rgba($1, ${opacity})`);
}

/** The colour of one series or value: fixed, by thresholds, or the next of the palette. */
export function seriesColor(field, index, value, name) {
  const { mode = "thresholds", fixedColor } = field.color ?? {};
  if (mode === "fixed" || mode === "shades") return color(fixedColor ?? "green");
  if (mode === "thresholds") return threshold(value, field);
  if (mode === "palette-classic-by-name") return classicByName(name);
  if (mode.startsWith("continuous-")) {
    const [low, high] = [field.min ?? 0, field.max ?? 100];
    const part = (value - low) / (high - low || 1);
    return mode === "continuous-GrYlRd" ? ramp("rdylgn", part) : mode === "continuous-RdYlGr" ? ramp("rdylgn", part, true) : ramp(mode.slice(11), part);
  }
  return classic(index);
}
