// Numbers as people read them, by the names that dashboards give units.

import { dateText } from "./time.js";

const scaled = (factor, suffixes) => (value, decimals) => {
  let at = 0;
  while (at + 1 < suffixes.length && Math.abs(value) >= factor * 0.9995) {
    value /= factor;
    at += 1;
  }
  return { number: digits(value, decimals), suffix: suffixes[at] };
};

const short = scaled(1000, ["", " K", " Mil", " Bil", " Tri"]);
const after = (suffix) => (value, decimals) => {
  const { number, suffix: scale } = short(value, decimals);
  return { number, suffix: scale + suffix };
};
const bytes = (suffixes, factor) => scaled(factor, suffixes);
const IEC = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const SI = ["B", "kB", "MB", "GB", "TB", "PB"];
const spaced = (names, end = "") => names.map((name) => ` ${name}${end}`);

/** Durations, longest first: what a unit is in seconds, and its name. */
const SPANS = [[604800, " week"], [86400, " day"], [3600, " hour"], [60, " min"], [1, " s"], [1e-3, " ms"], [1e-6, " µs"], [1e-9, " ns"]];

const seconds = (of) => (value, decimals) => {
  const inSeconds = value * of;
  if (inSeconds === 0) return { number: digits(0, decimals), suffix: ` ${{ 1: "s", 0.001: "ms", 60: "min", 3600: "hour", 86400: "day" }[of] ?? "s"}` };
  const [size, name] = SPANS.find(([size]) => Math.abs(inSeconds) >= size * 0.9995) ?? SPANS.at(-1);
  const count = digits(inSeconds / size, decimals);
  return { number: count, suffix: size >= 86400 && count !== "1" ? `${name}s` : name };
};

/** `1d 2h`: the two largest parts. */
function clock(value) {
  let rest = Math.round(Math.abs(value));
  const parts = [];
  for (const [size, name] of [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]]) {
    if (rest >= size) parts.push(`${Math.floor(rest / size)}${name}`);
    rest %= size;
  }
  return { number: (value < 0 ? "-" : "") + (parts.slice(0, 2).join(" ") || "0s"), suffix: "" };
}

function ago(value, now) {
  const past = (now - value) / 1000;
  const { number, suffix } = seconds(1)(Math.abs(past), 0);
  return { number: past >= 0 ? `${number}${suffix} ago` : `in ${number}${suffix}`, suffix: "" };
}

/** Cents at least, and more digits below a cent. */
function money(value, decimals) {
  const least = Math.abs(value) >= 0.1 || value === 0 ? 2 : 3;
  const enough = Math.abs(value) >= 0.1 || value === 0 ? 2 : Math.min(6, 1 - Math.floor(Math.log10(Math.abs(value))));
  const large = Math.abs(value) >= 1e5 ? short(Math.abs(value), decimals) : { number: grouped(Math.abs(value).toFixed(decimals ?? Math.max(least, enough))), suffix: "" };
  return { number: `${value < 0 ? "-" : ""}$${large.number}`, suffix: large.suffix };
}

const UNITS = {
  none: (value, decimals) => ({ number: digits(value, decimals), suffix: "" }),
  short, locale: (value, decimals) => ({ number: grouped(digits(value, decimals)), suffix: "" }),
  percent: (value, decimals) => ({ number: digits(value, decimals), suffix: "%" }),
  percentunit: (value, decimals) => ({ number: digits(value * 100, decimals), suffix: "%" }),
  currencyUSD: money,
  ns: seconds(1e-9), "µs": seconds(1e-6), ms: seconds(1e-3), s: seconds(1), m: seconds(60), h: seconds(3600), d: seconds(86400),
  dthms: clock, dtdhms: clock, dtdurations: clock,
  bytes: bytes(spaced(IEC), 1024), decbytes: bytes(spaced(SI), 1000), bits: scaled(1000, spaced(["b", "kb", "Mb", "Gb", "Tb"])),
  binBps: bytes(spaced(IEC, "/s"), 1024), Bps: bytes(spaced(SI, "/s"), 1000), bps: scaled(1000, spaced(["b/s", "kb/s", "Mb/s", "Gb/s"])),
  reqps: after(" req/s"), ops: after(" ops/s"), cps: after(" c/s"), rps: after(" rd/s"), wps: after(" wr/s"), mps: after(" msg/s"),
  reqpm: after(" req/m"), opm: after(" ops/m"), cpm: after(" c/m"), hertz: scaled(1000, spaced(["Hz", "kHz", "MHz", "GHz"])),
  dateTimeAsIso: (value) => ({ number: dateText(value), suffix: "" }), dateTimeAsSystem: (value) => ({ number: dateText(value), suffix: "" }),
  dateTimeFromNow: (value, _, now) => ago(value, now),
  bool: (value) => ({ number: value ? "True" : "False", suffix: "" }), bool_yes_no: (value) => ({ number: value ? "Yes" : "No", suffix: "" }),
  bool_on_off: (value) => ({ number: value ? "On" : "Off", suffix: "" }), string: (value) => ({ number: String(value), suffix: "" }),
};

const grouped = (number) => number.replace(/^(-?\d+)/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));

/** Three significant digits, whole numbers whole, or exactly as many decimals as asked for. */
function digits(value, decimals) {
  if (decimals !== undefined && decimals !== null) return value.toFixed(decimals);
  if (Number.isInteger(value)) return String(value);
  const size = Math.floor(Math.log10(Math.abs(value)));
  if (size < -6) return value.toExponential(1);
  return String(Number(value.toFixed(Math.max(0, 2 - size))));
}

function unitOf(name) {
  if (!name) return short;
  if (UNITS[name]) return UNITS[name];
  const [kind, text] = name.split(/:(.*)/s);
  if (kind === "suffix") return after(text.startsWith(" ") ? text : ` ${text}`);
  if (kind === "prefix") return (value, decimals) => ({ ...short(value, decimals), number: text + short(value, decimals).number });
  if (kind === "currency") return (value, decimals) => ({ ...short(value, decimals), number: text + short(value, decimals).number });
  if (kind === "time") return (value) => ({ number: dateText(value), suffix: "" });
  return after(` ${name}`);
}

/** A number and its suffix, apart: large panels write the suffix smaller. */
export function parts(value, unit, decimals, now = 0) {
  if (value === null || value === undefined || Number.isNaN(value)) return { number: "-", suffix: "" };
  if (typeof value !== "number") return { number: String(value), suffix: "" };
  if (!Number.isFinite(value)) return { number: value > 0 ? "∞" : "-∞", suffix: "" };
  return unitOf(unit)(value, decimals, now);
}

export function text(value, unit, decimals, now) {
  const { number, suffix } = parts(value, unit, decimals, now);
  return number + suffix;
}

/** Whether a unit's ticks are powers of 1024. */
export const isBinary = (unit) => unit === "bytes" || unit === "binBps";

/** What one displayed unit is in the value's own: ticks of a duration axis are nice in minutes or hours. */
export function spanOf(unit, largest) {
  const of = { ns: 1e-9, "µs": 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600, d: 86400 }[unit];
  if (!of || !largest) return 1;
  const [size] = SPANS.find(([size]) => largest * of >= size) ?? [of];
  return size >= 60 ? size / of : 1;
}
