// Tables out of answers: labels and values as columns, and the transformations that boards ask for.

import { legend } from "./fields.js";

/** One frame a target: rows of cells by column name, and the columns in order. */
export function frames(answers) {
  const many = answers.length > 1;
  return answers.map(({ target, series }) => {
    const value = many ? `Value #${target.refId}` : "Value";
    const labels = [...new Set(series.flatMap((one) => Object.keys(one.labels)))].sort();
    const rows = series.map((one, index) => ({ Time: one.times.at(-1), ...one.labels, [value]: one.values.at(-1), "\0name": legend(target, one, index) }));
    return { refId: target.refId, columns: ["Time", ...labels, value].map((name) => column(name, name.startsWith("Value") ? target.refId : undefined)), rows };
  });
}

const column = (name, refId) => ({ source: name, name, refId, type: name === "Time" ? "time" : name.startsWith("Value") ? "number" : "string" });
const unique = (columns) => [...new Map(columns.map((one) => [one.name, one])).values()];

/** Rows of all frames that agree in everything but values become one. */
function merge(all) {
  const columns = unique(all.flatMap((frame) => frame.columns));
  const key = (row) => JSON.stringify(columns.filter(({ type }) => type !== "number").map(({ name }) => row[name] ?? null));
  const rows = new Map();
  for (const frame of all) for (const row of frame.rows) rows.set(key(row), { ...rows.get(key(row)), ...row });
  return [{ columns, rows: [...rows.values()] }];
}

function joinByField(all, { byField = "Time", mode = "outer" }) {
  const columns = unique(all.flatMap((frame, at) => frame.columns.filter(({ name }) => at === 0 || name === byField || !all[0].columns.some((one) => one.name === name))));
  const rows = new Map();
  for (const frame of all) {
    for (const row of frame.rows) {
      if (row[byField] === undefined) continue;
      const seen = rows.get(row[byField]);
      rows.set(row[byField], { row: { ...row, ...seen?.row }, count: (seen?.count ?? 0) + 1 });
    }
  }
  const kept = [...rows.values()].filter(({ count }) => mode !== "inner" || count >= all.length);
  return [{ columns, rows: kept.map(({ row }) => row) }];
}

function organize(all, { excludeByName = {}, includeByName = {}, indexByName = {}, renameByName = {} }) {
  const included = Object.keys(includeByName).filter((name) => includeByName[name]);
  return all.map(({ columns, rows }) => {
    const kept = columns.filter(({ name }) => !excludeByName[name] && (included.length === 0 || included.includes(name)));
    const place = ({ name }) => indexByName[name] ?? columns.length;
    const ordered = [...kept].sort((a, b) => place(a) - place(b));
    return { rows, columns: ordered.map((one) => ({ ...one, name: renameByName[one.name] || one.name })) };
  });
}

const cell = (frame, row, name) => row[frame.columns.find((one) => one.name === name)?.source ?? name];

function sorted(frame, name, desc) {
  const rank = (value) => (value === null || value === undefined || Number.isNaN(value) ? -Infinity : value);
  const compare = (a, b) => (typeof a === "string" || typeof b === "string" ? String(a).localeCompare(String(b)) : rank(a) - rank(b) || 0);
  const rows = [...frame.rows].sort((a, b) => (desc ? -1 : 1) * compare(cell(frame, a, name), cell(frame, b, name)));
  return { ...frame, rows };
}

const OPERATIONS = { "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => a / b };

function calculateField(frame, { mode, binary = {}, alias, replaceFields }) {
  if (mode !== "binary") throw new Error(`calculateField ${mode} is not understood`);
  const operand = (row, side) => (side?.matcher ? cell(frame, row, side.matcher.options) : cell(frame, row, side) ?? Number(side));
  const name = alias ?? `${binary.left} ${binary.operator} ${binary.right}`;
  const rows = frame.rows.map((row) => ({ ...row, [name]: OPERATIONS[binary.operator](operand(row, binary.left), operand(row, binary.right)) }));
  const added = { source: name, name, type: "number" };
  return { columns: replaceFields ? [added] : [...frame.columns, added], rows };
}

const EACH = {
  sortBy: (frame, { sort = [] }) => (sort[0] ? sorted(frame, sort[0].field, sort[0].desc) : frame),
  limit: (frame, { limitField = 10 }) => ({ ...frame, rows: frame.rows.slice(0, Number(limitField)) }),
  filterFieldsByName: (frame, { include = {}, exclude = {} }) => ({
    ...frame,
    columns: frame.columns.filter(({ name }) => {
      const fits = ({ names, pattern: text }) => names?.includes(name) || (text && new RegExp(text.replace(/^\/(.*)\/\w*$/, "$1")).test(name));
      return (include.names || include.pattern ? fits(include) : true) && !fits(exclude);
    }),
  }),
  renameByRegex: (frame, { regex, renamePattern }) => ({ ...frame, columns: frame.columns.map((one) => ({ ...one, name: one.name.replace(new RegExp(regex), renamePattern) })) }),
  calculateField,
  labelsToFields: (frame) => frame,
  convertFieldType: (frame) => frame,
};

/** The one table a panel shows. */
export function table(panel, answers) {
  let all = frames(answers);
  for (const { id, options = {}, disabled } of panel.transformations ?? []) {
    if (disabled) continue;
    if (id === "merge") all = merge(all);
    else if (id === "joinByField" || id === "seriesToColumns") all = joinByField(all, options);
    else if (id === "organize") all = organize(all, options);
    else if (EACH[id]) all = all.map((frame) => EACH[id](frame, options));
    else throw new Error(`the transformation ${id} is not understood`);
  }
  const [first] = all.length > 1 ? merge(all) : all;
  const [sort] = panel.options?.sortBy ?? [];
  return sort && first ? sorted(first, sort.displayName, sort.desc) : first ?? { columns: [], rows: [] };
}
