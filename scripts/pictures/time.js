// Time ranges as a dashboard writes them, and the ticks and labels of time axes. All times are milliseconds, in UTC.

const UNITS = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5, M: 2592e6, y: 31536e6 };

/** The steps between two ticks or two samples that people read well. */
const STEPS = ["1s", "2s", "5s", "10s", "15s", "30s", "1m", "2m", "5m", "10m", "15m", "30m", "1h", "2h", "3h", "6h", "12h", "1d", "2d", "1w", "1M"];

/** `1h30m` in milliseconds; NaN when it is no duration. */
export function duration(text) {
  const parts = [...String(text).matchAll(/(\d+(?:\.\d+)?)(ms|[smhdwMy])/g)];
  const whole = parts.map((part) => part[0]).join("");
  if (parts.length === 0 || whole !== String(text)) return NaN;
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit], 0);
}

/** Milliseconds as Prometheus and Grafana write a duration: in the largest unit that keeps it whole. */
export function durationText(milliseconds) {
  if (milliseconds < 1000 || milliseconds % 1000) return `${Math.round(milliseconds)}ms`;
  const unit = ["d", "h", "m", "s"].find((name) => milliseconds % UNITS[name] === 0);
  return `${milliseconds / UNITS[unit]}${unit}`;
}

/** A moment: seconds or milliseconds since 1970, an ISO date, `now`, `now-6h`. */
export function moment(text, now) {
  const relative = /^now(?:([-+])(.+))?$/.exec(text);
  if (relative) {
    const shift = relative[2] ? duration(relative[2].replace(/\/.*$/, "")) : 0;
    return relative[1] === "-" ? now - shift : now + shift;
  }
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) < 1e11 ? Number(text) * 1000 : Number(text);
  return Date.parse(text);
}

/** The step for at most `points` samples of a range: no shorter than `least`. */
export function stepFor(range, points, least) {
  const wanted = Math.max(range / Math.max(points, 1), least);
  const step = STEPS.map(duration).find((nice) => nice >= wanted * 0.999) ?? wanted;
  return Math.max(step, least);
}

/** Moments for about `count` ticks between `from` and `to`. */
export function timeTicks(from, to, count) {
  const step = stepFor(to - from, count, 1000);
  const ticks = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
  return { ticks, step };
}

const two = (number) => String(number).padStart(2, "0");

/** A tick's label, as exact as the step between ticks asks for. */
export function tickText(at, step) {
  const date = new Date(at);
  const day = `${two(date.getUTCMonth() + 1)}/${two(date.getUTCDate())}`;
  if (step >= UNITS.d) return day;
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
  if (step < UNITS.m) return `${time}:${two(date.getUTCSeconds())}`;
  return at % UNITS.d === 0 ? `${day} ${time}` : time;
}

/** Date and time to the second. */
export function dateText(at) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "";
  const day = `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
}
