// Elements of SVG and HTML from plain values, paths through points, and the width of words.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
export const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

const ruler = document.createElement("canvas").getContext("2d");

/** How wide `words` are in this size of the page's font. */
export function widthOf(words, size, weight = 400) {
  ruler.font = `${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(words).width;
}

/** The largest size, at most `most`, in which `words` fit. */
export const fitting = (words, width, most, weight) => Math.max(8, Math.min(most, (100 * width) / Math.max(1, widthOf(words, 100, weight))));

const place = (value) => Math.round(value * 10) / 10;

/** Slopes that never overshoot the points (Fritsch and Carlson). */
function slopes(points) {
  const steps = points.slice(1).map(([x, y], at) => (y - points[at][1]) / (x - points[at][0]));
  return points.map((_, at) => {
    if (at === 0 || at === points.length - 1) return steps[Math.min(at, steps.length - 1)] ?? 0;
    const [before, after] = [steps[at - 1], steps[at]];
    return before * after <= 0 ? 0 : (2 * before * after) / (before + after);
  });
}

/** The path on from the first of `points`: straight, in steps, or smooth. */
export function through(points, interpolation) {
  if (interpolation === "smooth" && points.length > 2) {
    const slope = slopes(points);
    return points.slice(1).map(([x, y], at) => {
      const [x0, y0] = points[at];
      const third = (x - x0) / 3;
      return `C${place(x0 + third)},${place(y0 + slope[at] * third)} ${place(x - third)},${place(y - slope[at + 1] * third)} ${place(x)},${place(y)}`;
    }).join("");
  }
  return points.slice(1).map(([x, y], at) => {
    if (interpolation === "stepAfter") return `H${place(x)}V${place(y)}`;
    if (interpolation === "stepBefore") return `V${place(y)}H${place(x)}`;
    return `L${place(x)},${place(y)}`;
  }).join("");
}

export const start = ([x, y]) => `M${place(x)},${place(y)}`;

/** An arc around a centre, angles in degrees clockwise from the top. */
export function arc(cx, cy, outer, inner, from, to) {
  const at = (radius, angle) => [cx + radius * Math.sin((angle * Math.PI) / 180), cy - radius * Math.cos((angle * Math.PI) / 180)].map(place).join(",");
  const large = to - from > 180 ? 1 : 0;
  return `M${at(outer, from)}A${outer},${outer} 0 ${large} 1 ${at(outer, to)}L${at(inner, to)}A${inner},${inner} 0 ${large} 0 ${at(inner, from)}Z`;
}
