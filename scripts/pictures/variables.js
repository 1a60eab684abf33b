// A dashboard's variables: which values they have, and their place in expressions, titles and texts.

import * as prometheus from "./prometheus.js";
import { duration, durationText } from "./time.js";

const ALL = "$__all";
const list = (value) => (Array.isArray(value) ? value : value === undefined || value === null || value === "" ? [] : [value]);
const escaped = (text) => String(text).replace(/[.*+?^${}()|[\]\\]/g, (letter) => `\\\\${letter}`);

/** What the queries of a variable find, through its regex. */
async function found(variable, known, context) {
  if (variable.type === "custom") return optionsOf(variable.query);
  if (variable.type === "interval") return optionsOf(variable.query);
  if (variable.type !== "query") return [];
  const text = substitute(typeof variable.query === "object" ? variable.query.query : variable.query, known, {});
  const labels = /^label_values\((?:(.+),)?\s*([a-zA-Z_]\w*)\s*\)$/s.exec(text.trim());
  const result = /^query_result\((.+)\)$/s.exec(text.trim());
  let values = [];
  if (labels) values = await prometheus.labelValues(context.prometheus, labels[2], labels[1]?.trim(), context);
  else if (result) values = (await prometheus.instant(context.prometheus, result[1], context.to)).map(seriesText);
  else throw new Error(`variable ${variable.name}: ${text} is not understood`);
  if (!variable.regex) return values;
  const pattern = new RegExp(variable.regex.replace(/^\/|\/\w*$/g, ""));
  return [...new Set(values.map((value) => pattern.exec(value)).filter(Boolean).map((match) => match.groups?.value ?? match[1] ?? match[0]))];
}

const optionsOf = (query = "") => query.split(",").map((option) => option.trim().split(" : ").at(-1)).filter(Boolean);
const seriesText = ({ labels: { __name__: name = "", ...labels }, values }) =>
  `${name}{${Object.entries(labels).map(([label, value]) => `${label}="${value}"`).join(",")}} ${values[0]}`;

/** Every variable with its options and what is chosen: by the address, else by the dashboard, else all, else the first. */
export async function resolve(dashboard, address, context) {
  const known = {};
  for (const variable of dashboard.templating?.list ?? []) {
    const options = await found(variable, known, context);
    const asked = address.getAll(`var-${variable.name}`);
    let chosen = asked.length ? asked : list(variable.current?.value);
    if (variable.type === "datasource") chosen = ["prometheus"];
    if (variable.type === "constant" || variable.type === "textbox") chosen = asked.length ? asked : list(variable.query ?? variable.current?.value);
    if (chosen.length === 0) chosen = variable.includeAll ? [ALL] : options.slice(0, 1);
    known[variable.name] = { variable, options, chosen, all: chosen.includes(ALL) };
  }
  return known;
}

/** What the variables bar shows. */
export function shown({ variable, chosen, all }) {
  if (all) return "All";
  if (variable.type === "datasource") return "Prometheus";
  return chosen.join(" + ") || "None";
}

function valueOf({ variable, options, chosen, all }, format) {
  if (all && variable.allValue) return variable.allValue;
  const values = all ? options : chosen;
  if (format === "csv" || format === "raw") return values.join(",");
  if (format === "pipe") return values.join("|");
  if (format === "text") return values.join(" + ");
  if (format !== "regex" && !variable.multi && !variable.includeAll) return values[0] ?? "";
  return values.length === 1 ? escaped(values[0]) : `(${values.map(escaped).join("|")})`;
}

/** `text` with every `$name`, `${name}`, `${name:format}` and `[[name]]` that is known replaced. */
export function substitute(text, known, builtin, format) {
  return String(text ?? "").replace(/\$(\w+)|\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)\]\]/g, (whole, plain, braced, asked, old) => {
    const name = plain ?? braced ?? old;
    if (name in builtin) return builtin[name];
    return known[name] ? valueOf(known[name], asked ?? format) : whole;
  });
}

/** Grafana's own variables for a query with this step. */
export function builtins({ from, to, scrape }, step) {
  const range = to - from;
  return {
    __interval: durationText(step),
    __interval_ms: String(step),
    __rate_interval: durationText(Math.max(step + scrape, 4 * scrape)),
    __range: durationText(Math.round(range / 1000) * 1000),
    __range_s: String(Math.round(range / 1000)),
    __range_ms: String(range),
    __from: String(from),
    __to: String(to),
  };
}

export const leastStep = (texts, scrape) => texts.map((text) => duration(String(text ?? "").replace(/^>/, ""))).find((known) => known > 0) ?? scrape;
