// What a panel has to draw: its targets asked, with variables in place.

import { dress } from "./fields.js";
import * as prometheus from "./prometheus.js";
import { duration, stepFor } from "./time.js";
import { table } from "./transform.js";
import { builtins, leastStep, substitute } from "./variables.js";

/** Wide enough to be seen as a cell. */
const CELL_PIXELS = 9;

const isTable = (panel, target) => panel.type === "table" || target.format === "table";

async function ask(panel, target, pixels, context) {
  const points = panel.maxDataPoints ?? Math.floor(panel.type === "heatmap" ? pixels / CELL_PIXELS : pixels);
  const step = stepFor(context.to - context.from, points, leastStep([target.interval, panel.interval], context.scrape));
  const fill = (text) => substitute(text, context.variables, builtins(context, step), "regex");
  const expression = fill(target.expr);
  const series = target.instant && !target.range ? await prometheus.instant(context.prometheus, expression, context.to) : await prometheus.range(context.prometheus, expression, { ...context, step });
  return { target: { ...target, expr: expression, legendFormat: target.legendFormat && fill(target.legendFormat) }, series };
}

/** Alerts at the end of the range, and since when each is on. */
async function alerts(panel, context) {
  const { stateFilter = {}, alertInstanceLabelFilter: filter = "" } = panel.options ?? {};
  const states = ["firing", "pending"].filter((state) => stateFilter[state] ?? state === "firing");
  const matchers = [`alertstate=~"${states.join("|")}"`, substitute(filter, context.variables, {}, "regex").replace(/^\{|\}$/g, "")].filter(Boolean);
  const [series, since] = await Promise.all([`ALERTS{${matchers.join(",")}}`, "ALERTS_FOR_STATE"].map((expression) => prometheus.instant(context.prometheus, expression, context.to)));
  const key = ({ labels: { __name__, alertstate, ...others } }) => JSON.stringify(Object.entries(others).sort());
  const begun = new Map(since.map((one) => [key(one), one.values[0] * 1000]));
  return { series: series.map((one) => ({ ...one, since: begun.get(key(one)) })) };
}

/** The panel's own range, when it asks for one. */
export function rangeOf(panel, context) {
  return panel.timeFrom ? { ...context, from: context.to - duration(panel.timeFrom.replace(/^now-/, "")) } : context;
}

/** Series, or a table, or nothing for panels of words. */
export async function answer(panel, pixels, context) {
  if (panel.type === "text") return { series: [], words: true };
  if (panel.type === "alertlist") return alerts(panel, context);
  const targets = (panel.targets ?? []).filter(({ hide }) => !hide);
  const answers = await Promise.all(targets.map((target) => ask(panel, target, pixels, context)));
  const drawn = panel.type === "table" || answers.some(({ target }) => isTable(panel, target) && target.instant && panel.transformations?.length);
  return { series: dress(panel, answers), table: drawn ? table(panel, answers) : undefined };
}
