// Axes of numbers: their ends, ticks and labels, linear or logarithmic.

import { isBinary, parts, secondsOf, text } from "./units.js";

/** Steps of a clock, in seconds. */
const CLOCK = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];

function niceStep(wanted, unit) {
  if (isBinary(unit) && wanted >= 1) return 2 ** Math.ceil(Math.log2(wanted));
  const second = secondsOf(unit);
  const clock = wanted * second > 10 && CLOCK.find((step) => step >= wanted * second * 0.999);
  if (clock) return clock / second;
  const power = 10 ** Math.floor(Math.log10(wanted));
  return [1, 2, 2.5, 5, 10].find((step) => step * power >= wanted * 0.999) * power;
}

/** The ends of an axis for values from `low` to `high`: what the panel says, else the values with some air. */
export function ends(low, high, { min, max, softMin, softMax, zero }) {
  if (!Number.isFinite(low)) [low, high] = [0, 1];
  let bottom = low;
  let top = high;
  // An axis that does not begin at zero makes little look like much; only what varies far from zero may leave it.
  if (low >= 0 && (zero || low < 0.75 * high || low === high)) bottom = 0;
  if (high <= 0 && zero) top = 0;
  if (softMin !== undefined && softMin !== null) bottom = Math.min(bottom, softMin);
  if (softMax !== undefined && softMax !== null) top = Math.max(top, softMax);
  if (bottom === top) top = bottom + (bottom === 0 ? 1 : Math.abs(bottom));
  const air = (top - bottom) * 0.06;
  if (top > 0) top += air;
  if (bottom !== 0) bottom -= air;
  return [min ?? bottom, max ?? top];
}

/** A linear scale from values to pixels, with about one tick for each `spacing` pixels. */
export function linear(low, high, pixels, unit, spacing = 34) {
  const step = niceStep((high - low) / Math.max(1, Math.floor(pixels / spacing)), unit);
  const ticks = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index += 1) ticks.push(index * step);
  return { low, high, ticks, step, at: (value) => (pixels * (value - low)) / (high - low) };
}

/** A logarithmic scale: a tick for each power. */
export function logarithmic(low, high, pixels, base) {
  const least = low > 0 ? low : Math.max(high / 1e4, 1e-6);
  const log = (value) => Math.log(value) / Math.log(base);
  const bottom = Math.floor(log(least) + 1e-9);
  const top = Math.max(Math.ceil(log(high) - 1e-9), bottom + 1);
  const every = Math.ceil((top - bottom) / Math.max(1, Math.floor(pixels / 26)));
  const ticks = [];
  for (let power = bottom; power <= top; power += every) ticks.push(base ** power);
  return { low: base ** bottom, high: base ** top, ticks, step: 0, at: (value) => (pixels * (log(Math.max(value, base ** bottom)) - bottom)) / (top - bottom) };
}

const MOST_DECIMALS = 4;
const read = (number) => Number(number.replace(/[^-\d.e]/g, ""));

/** The fewest decimals that show `value` as what it is. */
function decimalsFor(value, unit) {
  const exact = read(parts(value, unit, MOST_DECIMALS).number);
  for (let decimals = 0; decimals < MOST_DECIMALS; decimals += 1) {
    if (Math.abs(read(parts(value, unit, decimals).number) - exact) < 1e-9) return decimals;
  }
  return MOST_DECIMALS;
}

/** Labels for ticks: exact, and all of one unit with as many decimals as the one that needs most. */
export function tickTexts(ticks, unit, asked) {
  if (asked !== undefined && asked !== null) return ticks.map((tick) => text(tick, unit, asked));
  const exact = ticks.map((tick) => Number(tick.toPrecision(12)));
  const decimals = exact.map((tick) => decimalsFor(tick, unit));
  const suffixes = new Set(exact.filter((tick) => tick !== 0).map((tick) => parts(tick, unit).suffix.replace(/s$/, "")));
  const most = Math.max(...decimals);
  if (unit === "currencyUSD") return exact.map((tick) => text(tick, unit, most === 0 ? 0 : Math.max(2, most)));
  return exact.map((tick, at) => text(tick, unit, tick === 0 ? 0 : suffixes.size > 1 ? decimals[at] : most));
}
