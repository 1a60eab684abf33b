// Axes of numbers: their ends, ticks and labels, linear or logarithmic.

import { isBinary, spanOf, text } from "./units.js";

function niceStep(wanted, base) {
  if (base === 1024 && wanted >= 1) {
    const power = 2 ** Math.ceil(Math.log2(wanted));
    return power;
  }
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
  const span = spanOf(unit, Math.max(Math.abs(low), Math.abs(high)));
  const base = isBinary(unit) ? 1024 : 10;
  let step = niceStep((high - low) / span / Math.max(1, Math.floor(pixels / spacing)), base) * span;
  if ((unit === "short" || unit === "none") && high - low >= 1 && step < 1) step = Math.max(step, 0.1);
  const ticks = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index += 1) ticks.push(index * step);
  return { low, high, ticks, step, at: (value) => (pixels * (value - low)) / (high - low) };
}

/** A logarithmic scale: a tick for each power. */
export function logarithmic(low, high, pixels, base) {
  const least = low > 0 ? low : Math.max(high / 1e4, 1e-6);
  const log = (value) => Math.log(Math.max(value, least)) / Math.log(base);
  const bottom = Math.floor(log(least) + 1e-9);
  const top = Math.max(Math.ceil(log(high) - 1e-9), bottom + 1);
  const every = Math.ceil((top - bottom) / Math.max(1, Math.floor(pixels / 26)));
  const ticks = [];
  for (let power = bottom; power <= top; power += every) ticks.push(base ** power);
  return { low: base ** bottom, high: base ** top, ticks, step: 0, at: (value) => (pixels * (log(value) - bottom)) / (top - bottom) };
}

/** Labels for ticks: with as few decimals as tell them apart. */
export function tickTexts(ticks, unit, decimals) {
  if (decimals !== undefined && decimals !== null) return ticks.map((tick) => text(tick, unit, decimals));
  const texts = ticks.map((tick) => text(round(tick), unit));
  const places = Math.max(...texts.map((label) => /\.(\d+)/.exec(label)?.[1].length ?? 0));
  if (places === 0 || unit === "currencyUSD") return money(texts, unit);
  const suffixes = new Set(texts.map((label) => label.replace(/[-\d.,]/g, "")));
  return suffixes.size > 1 ? texts : ticks.map((tick) => text(round(tick), unit, places));
}

/** Dollars on an axis: all with the cents of the one that needs most, or none. */
function money(texts, unit) {
  if (unit !== "currencyUSD") return texts;
  const cents = texts.map((label) => (/\.(\d+?)0*$/.exec(label)?.[1] ?? "").replace(/^0+$/, "").length);
  const places = Math.max(...cents);
  const kept = places === 0 ? 0 : Math.max(2, places);
  return texts.map((label) => label.replace(/\.(\d+)/, (_, digits) => (kept ? `.${digits.padEnd(kept, "0").slice(0, kept)}` : "")));
}

const round = (value) => Number(value.toPrecision(12));
