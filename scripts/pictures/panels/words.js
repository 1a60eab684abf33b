// Panels of words: text in a little Markdown, and the alerts that fire.

import { html } from "../svg.js";
import { durationText } from "../time.js";

const inline = (text) => text
  .replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;")
  .replace(/`([^`]+)`/g, "<code>$1</code>")
  .replace(/\*\*([^*]+)\*\*/g, "<b>$1</b>")
  .replace(/\*([^*]+)\*/g, "<i>$1</i>")
  .replace(/\[([^\]]+)\]\(([^)]+)\)/g, "<a>$1</a>");

/** Headings, lists and paragraphs. */
function blocks(markdown) {
  return markdown.split(/\n{2,}/).map((block) => {
    const lines = block.trim().split("\n");
    const heading = /^(#+)\s+(.*)$/.exec(lines[0]);
    if (heading) return `<h3>${inline(heading[2])}</h3>${lines.length > 1 ? blocks(lines.slice(1).join("\n")) : ""}`;
    if (lines.every((line) => /^\s*[-*]\s/.test(line))) return `<ul>${lines.map((line) => `<li>${inline(line.replace(/^\s*[-*]\s/, ""))}</li>`).join("")}</ul>`;
    return `<p>${inline(lines.join(" "))}</p>`;
  }).join("");
}

export function text(box, panel, data, context) {
  const words = html("div", { class: "words" });
  words.innerHTML = blocks(context.fill(panel.options?.content ?? ""));
  box.append(words);
}

const SEVERITY = { critical: "#F2495C", warning: "#FF9830", info: "#5794F2" };

/** Alerts as Prometheus' own ALERTS series tells them. */
export function alerts(box, panel, { series }, context) {
  const state = ({ labels }) => labels.alertstate;
  const rank = (one) => [state(one) === "firing" ? 0 : 1, ["critical", "warning"].indexOf(one.labels.severity) & 3, one.labels.alertname].join(" ");
  const ordered = [...series].sort((a, b) => rank(a).localeCompare(rank(b)));
  if (ordered.length === 0) {
    box.append(html("div", { class: "calm" }, html("b", {}, "✓"), "No alert fires"));
    return;
  }
  const lines = ordered.map((one) => {
    const { alertname, alertstate, severity = "", __name__, job, instance, ...others } = one.labels;
    const about = Object.entries(others).map(([label, value]) => html("span", { class: "label" }, `${label}=${value}`));
    const since = one.since === undefined ? "" : `for ${durationText(Math.max(1000, Math.round((context.to - one.since) / 1000) * 1000)).replace(/^(\d+)s$/, (_, seconds) => span(Number(seconds)))}`;
    const badge = html("span", { class: `badge ${alertstate}`, style: `--color: ${alertstate === "firing" ? SEVERITY[severity] ?? SEVERITY.critical : "#8e8e9a"}` }, alertstate);
    return html("div", { class: "alert" }, badge, html("b", {}, alertname), html("span", { class: "labels" }, ...(severity ? [html("span", { class: "label" }, severity)] : []), ...about), html("span", { class: "since" }, since));
  });
  box.classList.add("alerts");
  box.append(...lines);
  const bottom = box.getBoundingClientRect().bottom;
  const hidden = lines.filter((line) => line.getBoundingClientRect().bottom > bottom);
  if (hidden.length === 0) return;
  hidden.push(lines[lines.length - hidden.length - 1]);
  hidden.forEach((line) => line?.remove());
  box.append(html("div", { class: "more" }, `+${hidden.length} more`));
}

const span = (seconds) => (seconds >= 3600 ? `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m` : seconds >= 60 ? `${Math.floor(seconds / 60)}m ${seconds % 60}s` : `${seconds}s`);
