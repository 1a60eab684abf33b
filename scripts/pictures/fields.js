// What a panel says of its values: defaults and overrides, names of series, mappings of values to words, reductions.

import { color, seriesColor } from "./colors.js";
import { parts } from "./units.js";

const pattern = (text) => new RegExp(String(text).replace(/^\/(.*)\/\w*$/s, "$1"));

const MATCHERS = {
  byName: (field, name) => field.names.includes(name),
  byNames: (field, { names = [], mode = "include" }) => names.some((name) => field.names.includes(name)) === (mode === "include"),
  byRegexp: (field, text) => field.names.some((name) => pattern(text).test(name)),
  byFrameRefID: (field, refId) => field.refId === refId,
  byType: (field, type) => field.type === type,
};

/** The configuration of the field that is called one of `names`: the panel's defaults, then every override that fits. */
export function configOf(panel, field) {
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  const config = { ...defaults, custom: { ...defaults.custom } };
  for (const { matcher, properties = [] } of overrides) {
    if (!MATCHERS[matcher.id]?.(field, matcher.options)) continue;
    for (const { id, value } of properties) {
      if (id.startsWith("custom.")) config.custom[id.slice(7)] = value;
      else config[id] = value;
    }
  }
  return config;
}

/** A series' name: by the target's legend, else by its labels. */
export function legend(target, { labels }, index) {
  const format = target.legendFormat;
  if (format && format !== "__auto") return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? "").trim() || `Series ${index + 1}`;
  const { __name__: name = "", ...others } = labels;
  const entries = Object.entries(others);
  if (format === "__auto" && !name && entries.length === 1) return entries[0][1];
  const text = entries.map(([label, value]) => `${label}="${value}"`).join(", ");
  return name || text ? `${name}${text ? `{${text}}` : ""}` : target.expr;
}

/** The series of a panel with names, configurations and colours. */
export function dress(panel, answers) {
  const dressed = [];
  for (const { target, series } of answers) {
    series.forEach((one, index) => {
      const name = legend(target, one, index);
      const field = configOf(panel, { names: [name, one.labels.__name__ ?? name], refId: target.refId, type: "number" });
      dressed.push({ ...one, refId: target.refId, name: field.displayName ?? name, field });
    });
  }
  dressed.forEach((one, index) => (one.color = seriesColor(one.field, index, reduce(one.values, "lastNotNull"), one.name)));
  return dressed;
}

const present = (values) => values.filter((value) => value !== null && !Number.isNaN(value));
const sum = (values) => values.reduce((total, value) => total + value, 0);

const REDUCTIONS = {
  last: (values) => values.at(-1) ?? null,
  lastNotNull: (values) => present(values).at(-1) ?? null,
  first: (values) => values[0] ?? null,
  firstNotNull: (values) => present(values)[0] ?? null,
  min: (values) => present(values).reduce((a, b) => Math.min(a, b), Infinity),
  max: (values) => present(values).reduce((a, b) => Math.max(a, b), -Infinity),
  mean: (values) => sum(present(values)) / present(values).length,
  sum: (values) => sum(present(values)),
  count: (values) => values.length,
  range: (values) => REDUCTIONS.max(values) - REDUCTIONS.min(values),
  delta: (values) => present(values).reduce((total, value, at, all) => total + (at ? Math.max(0, value - all[at - 1]) : 0), 0),
  diff: (values) => present(values).at(-1) - present(values)[0],
};

/** One number for a series. */
export function reduce(values, calculation = "lastNotNull") {
  if (!REDUCTIONS[calculation]) throw new Error(`the calculation ${calculation} is not known`);
  return present(values).length ? REDUCTIONS[calculation](values) : null;
}

export const CALCULATIONS = { lastNotNull: "Last *", last: "Last", mean: "Mean", max: "Max", min: "Min", sum: "Total", first: "First", count: "Count", range: "Range", delta: "Delta", diff: "Difference" };

function mapped(value, mappings = []) {
  const none = value === null || value === undefined;
  for (const { type, options } of mappings) {
    if (type === "value" && options[String(value)]) return options[String(value)];
    if (type === "range" && !none && value >= (options.from ?? -Infinity) && value <= (options.to ?? Infinity)) return options.result;
    if (type === "regex" && !none && pattern(options.pattern).test(String(value))) return options.result;
    if (type !== "special") continue;
    const fits = { null: none, nan: Number.isNaN(value), "null+nan": none || Number.isNaN(value), empty: value === "", true: value === true, false: value === false };
    if (fits[options.match]) return options.result;
  }
  return undefined;
}

/** How a value is shown: number and suffix, and its own colour when a mapping gives one. */
export function display(value, field, now) {
  const word = mapped(value, field.mappings);
  const none = value === null || value === undefined || Number.isNaN(value);
  const shown = none && field.noValue ? { number: field.noValue, suffix: "" } : parts(value, field.unit, field.decimals, now);
  if (word?.text !== undefined && word.text !== "") Object.assign(shown, { number: word.text, suffix: "" });
  return { ...shown, text: shown.number + shown.suffix, mapped: word?.color ? color(word.color) : undefined };
}
