// Asks every query of a dashboard, those of its variables included: node queries.mjs prometheus|graphite URL. Each is to
// have an answer with data. Prints those that have not. With a file, it is that dashboard.
import { readFileSync } from "node:fs";

import { reported } from "./names.mjs";

const [backend, url, other] = process.argv.slice(2);
const file = other ?? new URL(`../../grafana/kanaloa-${backend}.json`, import.meta.url);
const { panels, templating } = JSON.parse(readFileSync(file, "utf8"));

async function ask(path, parameters, method = "POST") {
  const body = method === "POST" ? { body: new URLSearchParams(parameters) } : {};
  const answer = await fetch(`${url}${path}`, { method, ...body });
  const text = await answer.text();
  if (!answer.ok) {
    throw new Error(`${answer.status}: ${text.slice(0, 500)}`);
  }
  return JSON.parse(text);
}

const backends = {
  prometheus: {
    // Grafana gives it the labels of series that match.
    async find(query) {
      const [, match, label] = query.match(/^label_values\((.*), (\w+)\)$/);
      const { data } = await ask("/api/v1/series", { "match[]": match });
      return data.map((labels) => labels[label]);
    },
    async names() {
      const { data } = await ask("/api/v1/label/__name__/values", {}, "GET");
      // A histogram is known by its buckets.
      const own = data.filter((name) => name.startsWith("kanaloa_") && name !== "kanaloa_build_info");
      return own.filter((name) => !/_(sum|count)$/.test(name));
    },
    // Several are alternatives of a regular expression.
    several: (values) => (values.length === 1 ? values[0] : `(${values.map((value) => value.replace(/[.*+?^${}()|[\]\\]/g, "\\\\$&")).join("|")})`),
    async values({ expr }) {
      const now = Date.now() / 1000;
      const query = expr.replaceAll("$__rate_interval", "30s");
      const { data } = await ask("/api/v1/query_range", { query, start: now - 60, end: now, step: 1 });
      return data.result.flatMap(({ values }) => values.map(([, value]) => Number(value)));
    },
  },
  graphite: {
    async find(query) {
      const [, pattern] = query.match(/^expand\((.*)\)$/);
      const { results } = await ask("/metrics/expand", { query: pattern });
      return results;
    },
    async names() {
      const names = ["", "gauges.", "timers."].map(async (kind) => {
        // Below the host: work.completed, HANDLER.work.completed, work.rejectedBy.queueFull; and a figure of a timer.
        const patterns = [2, 3, 4].map((nodes) => `stats.${kind}kanaloa.*.*${".*".repeat(nodes)}`);
        const found = await Promise.all(patterns.map((query) => ask("/metrics/expand", { query, leavesOnly: 1 })));
        return found.flatMap(({ results }) => results).map((path) => {
          const nodes = path.slice(`stats.${kind}kanaloa.`.length).split(".").slice(2);
          const own = kind === "timers." ? nodes.slice(0, -1) : nodes;
          const isOfDispatcher = own[0] === "work" || own[0] === "queue";
          return `stats.${kind}$namespace.$dispatcher.$host.${(isOfDispatcher ? own : ["$handler", ...own.slice(1)]).join(".")}`;
        });
      });
      return (await Promise.all(names)).flat();
    },
    several: (values) => (values.length === 1 ? values[0] : `{${values.join(",")}}`),
    async values({ target }) {
      const series = await ask("/render", { target, from: "-5min", until: "now", format: "json", maxDataPoints: 1000 });
      return series.flatMap(({ datapoints }) => datapoints.map(([value]) => value)).filter((value) => value !== null);
    },
  },
};

const { find, names, several, values } = backends[backend];
let wrong = 0;
function complain(what) {
  wrong += 1;
  console.error(what);
}

/** The dashboard with these values of its variables. */
const filledIn = (variables) => (text) =>
  // Longer names first: one may begin with another.
  Object.keys(variables).sort((a, b) => b.length - a.length)
    .reduce((filled, name) => filled.replaceAll(`$${name}`, variables[name]), text);

// Once with All, and once with all that there is, chosen one by one.
const all = {};
const each = {};
for (const { allValue, name, query, regex } of templating.list.filter(({ type }) => type === "query")) {
  for (const variables of [all, each]) {
    try {
      const found = await find(filledIn(variables)(query));
      const pattern = regex && new RegExp(regex.slice(1, -1));
      const names = [...new Set(pattern ? found.flatMap((one) => one.match(pattern)?.[1] ?? []) : found)].sort();
      if (names.length === 0) {
        complain(`${name}: ${query} finds nothing: ${found}`);
      }
      variables[name] = variables === all ? allValue : several(names);
    } catch (error) {
      complain(`${name}: ${query}: ${error}`);
    }
  }
}

let asked = 0;
for (const variables of [all, each]) {
  const fill = filledIn(variables);
  for (const { targets = [], title } of panels) {
    for (const target of targets) {
      const query = Object.fromEntries(Object.entries(target).map(([key, value]) => [key, typeof value === "string" ? fill(value) : value]));
      const shown = query.expr ?? query.target;
      asked += 1;
      try {
        const got = await values(query);
        if (!got.some(Number.isFinite)) {
          complain(`${title}: no data: ${shown}`);
        }
      } catch (error) {
        complain(`${title}: ${shown}: ${error}`);
      }
    }
  }
}

// What is there is what is known to be reported, which `checks.mjs` compares with the dashboards.
const there = new Set(other ? [] : await names());
const known = new Set(other ? [] : reported(backend));
[...there].filter((name) => !known.has(name)).forEach((name) => complain(`${name} is there and not known`));
[...known].filter((name) => !there.has(name)).forEach((name) => complain(`${name} is known and not there`));

if (asked === 0) {
  complain("there are no queries");
}
process.exitCode = wrong === 0 ? 0 : 1;
