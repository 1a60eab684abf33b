// Draws one dashboard from what a Prometheus holds, and says so in the page's title and on the console when it has.
//
//   dashboard    the board's JSON file                        prometheus   where to ask
//   from, to     now-1h, seconds since 1970, ISO dates        source       what the data is, for the words at the bottom
//   scrape       5s; without, what Prometheus tells           boards       other boards' files, for links by tag
//   var-NAME     a variable's value                           measure      only lay out, to tell how high the picture is

import { answer, rangeOf } from "./answers.js";
import { footer, grid, header, panelsOf } from "./board.js";
import * as bargauge from "./panels/bargauge.js";
import * as gauge from "./panels/gauge.js";
import * as heatmap from "./panels/heatmap.js";
import * as stat from "./panels/stat.js";
import * as table from "./panels/table.js";
import * as timeseries from "./panels/timeseries.js";
import * as words from "./panels/words.js";
import { scrapeInterval } from "./prometheus.js";
import { html } from "./svg.js";
import { duration, moment } from "./time.js";
import { builtins, resolve, substitute } from "./variables.js";

const KINDS = { timeseries: timeseries.draw, stat: stat.draw, gauge: gauge.draw, bargauge: bargauge.draw, table: table.draw, heatmap: heatmap.draw, text: words.text, alertlist: words.alerts };
const DEFAULT_SCRAPE_MS = 15_000;

const say = (kind, where, what) => console.log(`picture: ${kind}: ${where}: ${what}`);

/** Files come by XMLHttpRequest, because fetch refuses the file scheme. */
function file(path) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", path);
    request.onload = () => {
      try {
        resolve(JSON.parse(request.responseText));
      } catch (error) {
        reject(new Error(`${path} is no JSON: ${error.message}`));
      }
    };
    request.onerror = () => reject(new Error(`${path} cannot be read`));
    request.send();
  });
}

async function contextOf(dashboard, address) {
  const now = Date.now();
  const [from, to] = ["from", "to"].map((end) => moment(address.get(end) ?? dashboard.time?.[end] ?? { from: "now-1h", to: "now" }[end], now));
  if (!(from < to)) throw new Error("from must be a moment before to: now-1h, seconds since 1970 or an ISO date");
  const context = { from, to, prometheus: address.get("prometheus") ?? location.origin, source: address.get("source") ?? "what a Prometheus has scraped", variables: {} };
  if (address.has("measure")) return context;
  const asked = duration(address.get("scrape") ?? "");
  context.scrape = asked > 0 ? asked : (await scrapeInterval(context.prometheus, duration)) ?? DEFAULT_SCRAPE_MS;
  context.variables = await resolve(dashboard, address, context);
  context.fill = (text) => substitute(text, context.variables, builtins(context, context.scrape), "text");
  return context;
}

const isEmpty = ({ series, table, words }) => !words && (table ? table.rows.length === 0 : series.every(({ values }) => values.every((value) => value === null || Number.isNaN(value))));

/** Draws one panel; true when it has data and could be drawn. */
async function panel({ panel, box }, board) {
  const context = rangeOf(panel, board);
  try {
    const draw = KINDS[panel.type];
    if (!draw) throw new Error(`panels of type ${panel.type} are not drawn`);
    const data = await answer(panel, box.clientWidth, context);
    if (isEmpty(data) && panel.type !== "alertlist" && !panel.fieldConfig?.defaults?.noValue) {
      box.append(html("div", { class: "nothing" }, "No data"));
      say("no data", panel.title, "");
      return false;
    }
    draw(box, panel, data, context);
    return true;
  } catch (error) {
    box.replaceChildren(html("div", { class: "failure" }, error.message));
    say("failed", panel.title, error.message);
    return false;
  }
}

async function board() {
  const address = new URLSearchParams(location.search);
  const dashboard = await file(address.get("dashboard"));
  const others = await Promise.all((address.get("boards") ?? "").split(",").filter(Boolean).map(file));
  document.title = dashboard.title;
  const context = await contextOf(dashboard, address);
  await document.fonts.ready;
  const { drawn, frames } = grid(panelsOf(dashboard), document.body.clientWidth - 32, context.fill ?? String);
  document.body.append(header(dashboard, context, others), drawn, footer(context));
  if (!address.has("measure")) {
    const done = await Promise.all(frames.map((frame) => panel(frame, context)));
    say("drawn", dashboard.title, `${done.filter(Boolean).length} of ${done.length} panels`);
  }
  document.documentElement.dataset.height = Math.ceil(document.body.getBoundingClientRect().height);
  document.title = "drawn";
}

board().catch((error) => {
  document.body.append(html("div", { class: "failure" }, error.message));
  say("failed", document.title, error.message);
  document.title = "failed";
});
