// The HTTP API of a Prometheus: queries, label values, how often it scrapes.

async function get(base, path, parameters) {
  const url = `${base.replace(/\/$/, "")}/api/v1/${path}?${new URLSearchParams(parameters)}`;
  const answer = await fetch(url).catch((error) => {
    throw new Error(`${base} does not answer: ${error.message}`);
  });
  const body = await answer.json().catch(() => ({ error: `HTTP ${answer.status}` }));
  if (body.status !== "success") throw new Error(body.error ?? `HTTP ${answer.status}`);
  return body.data;
}

const number = (text) => (text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text));

/** The samples of `expression` at each step from `from` to `to`; null where there is none. */
export async function range(base, expression, { from, to, step }) {
  const start = Math.floor(from / step) * step;
  const times = [];
  for (let at = start; at <= to; at += step) times.push(at);
  const data = await get(base, "query_range", { query: expression, start: start / 1000, end: to / 1000, step: step / 1000 });
  const place = new Map(times.map((at, index) => [at, index]));
  return data.result.map(({ metric, values }) => {
    const samples = new Array(times.length).fill(null);
    for (const [at, value] of values) samples[place.get(Math.round(at * 1000))] = number(value);
    return { labels: metric, times, values: samples };
  });
}

/** The samples of `expression` at one moment. */
export async function instant(base, expression, at) {
  const data = await get(base, "query", { query: expression, time: at / 1000 });
  const vector = data.resultType === "scalar" ? [{ metric: {}, value: data.result }] : data.result;
  return vector.map(({ metric, value: [time, value] }) => ({ labels: metric, times: [time * 1000], values: [number(value)] }));
}

/** The values of `label` on series that `selector` (may be empty) finds in the range. */
export async function labelValues(base, label, selector, { from, to }) {
  const bounds = { start: from / 1000, end: to / 1000 };
  return get(base, `label/${encodeURIComponent(label)}/values`, selector ? { ...bounds, "match[]": selector } : bounds);
}

/** How often its targets are scraped, in milliseconds; null when it has none, as one that only serves old data. */
export async function scrapeInterval(base, duration) {
  const { activeTargets = [] } = await get(base, "targets", { state: "active" }).catch(() => ({}));
  const intervals = activeTargets.map((target) => duration(target.scrapeInterval ?? "")).filter((known) => known > 0);
  return intervals.length ? Math.min(...intervals) : null;
}
