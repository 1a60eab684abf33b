// The page around the panels: title, time range, variables, links, and the grid of 24 columns.

import { html } from "./svg.js";
import { dateText } from "./time.js";
import { shown } from "./variables.js";

const COLUMNS = 24;
const CELL = 30;
const GAP = 8;

/** Other boards a link leads to: those with its tags among the files given, else the link itself. */
function linksOf(dashboard, others) {
  return (dashboard.links ?? []).flatMap((link) => {
    if (link.type !== "dashboards") return [link.title];
    const tagged = others.filter(({ uid, tags = [] }) => uid !== dashboard.uid && (link.tags ?? []).every((tag) => tags.includes(tag)));
    return link.asDropdown || tagged.length === 0 ? [`${link.title} ▾`] : tagged.map(({ title }) => title);
  });
}

export function header(dashboard, context, others) {
  const tags = (dashboard.tags ?? []).map((tag) => html("span", { class: "tag" }, tag));
  const range = `${dateText(context.from)}  to  ${dateText(context.to)}  UTC`;
  const title = html("div", { class: "title" }, html("h1", {}, dashboard.title), ...tags, html("span", { class: "range" }, range));
  const variables = Object.values(context.variables)
    .filter(({ variable }) => variable.hide !== 2)
    .map((one) => html("span", { class: "variable" }, one.variable.hide === 1 ? "" : html("label", {}, one.variable.label || one.variable.name), html("span", {}, shown(one))));
  const links = linksOf(dashboard, others).map((link) => html("span", { class: "link" }, link));
  return html("header", {}, title, html("div", { class: "bar" }, ...variables, html("span", { class: "links" }, ...links)));
}

export const footer = (context) =>
  html("footer", {}, html("span", {}, `drawn by innkeeper's own renderer, not by Grafana, from ${context.source}`));

/** The panels in reading order; those of a folded row are not shown, as in Grafana. */
export const panelsOf = (dashboard) => [...(dashboard.panels ?? [])].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);

/** Puts an empty frame for each panel on the page. */
export function grid(panels, width, fill) {
  const column = (width + GAP) / COLUMNS;
  const edge = (cells) => Math.round(cells * column);
  const height = Math.max(0, ...panels.map(({ gridPos: { y, h } }) => y + h)) * (CELL + GAP);
  const drawn = html("main", { style: `height: ${height}px` });
  const frames = panels.map((panel) => {
    const { x, y, w, h } = panel.gridPos;
    const style = `left: ${edge(x)}px; top: ${y * (CELL + GAP)}px; width: ${edge(x + w) - edge(x) - GAP}px; height: ${h * (CELL + GAP) - GAP}px`;
    const title = fill(panel.title ?? "");
    if (panel.type === "row") {
      drawn.append(html("section", { class: "row", style }, html("b", {}, panel.collapsed ? "›" : "⌄"), title, panel.collapsed ? html("span", {}, `(${panel.panels?.length ?? 0} panels)`) : ""));
      return null;
    }
    const own = panel.timeFrom ? html("span", { class: "own" }, `last ${panel.timeFrom.replace(/^now-/, "")}`) : "";
    const head = html("h2", {}, html("span", {}, title), panel.description ? html("i", {}, "i") : "", own);
    const box = html("div", { class: `body ${panel.type}` });
    drawn.append(html("section", { class: panel.transparent ? "panel clear" : "panel", style }, ...(title ? [head] : []), box));
    return { panel, box };
  });
  return { drawn, frames: frames.filter(Boolean) };
}
