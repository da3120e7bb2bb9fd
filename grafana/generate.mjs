// Writes the dashboards: node grafana/generate.mjs. With --check it only looks whether they are as it would write them. With
// --new-namespace it prints the one for Graphite, for a StatsD whose legacyNamespace is false.
import { readFileSync, writeFileSync } from "node:fs";

import { LAYOUTS, rows } from "./panels.mjs";

const WIDTH = 24;

const backends = {
  prometheus: {
    title: "Kanaloa (Prometheus)",
    target: ({ expr, legendFormat }) => ({ editorMode: "code", expr, legendFormat, range: true }),
    variables: [
      queried("namespace", "Namespace (job)", "What Prometheus calls the job.", ".*", labels("", "job")),
      queried("host", "Host (instance)", "Where Prometheus scrapes it.", ".*", labels('job=~"$namespace"', "instance")),
      queried("dispatcher", "Dispatcher", "Of a reverse proxy: the route.", ".*", labels('job=~"$namespace", instance=~"$host"', "dispatcher")),
      queried("handler", "Handler", "Of a reverse proxy: the upstream.", ".*",
        labels('job=~"$namespace", instance=~"$host", dispatcher=~"$dispatcher"', "handler", "kanaloa_handler_concurrency_limit")),
    ],
  },
  graphite: {
    title: "Kanaloa (Graphite)",
    target: (target) => ({ target, textEditor: true }),
    variables: [
      found("namespace", "Namespace", "The setting metrics.statsD.namespace. One of several parts, such as eu.north, is typed in as it is.",
        "expand(stats.gauges.*.*.*.queue.length)", "/^stats\\.gauges\\.([^.]+)\\./"),
      found("dispatcher", "Dispatcher", "Of a reverse proxy: the route.",
        "expand(stats.gauges.$namespace.*.*.queue.length)", "/\\.([^.]+)\\.[^.]+\\.queue\\.length$/"),
      found("host", "Host", "The machine's name, with _ for dots.",
        "expand(stats.gauges.$namespace.$dispatcher.*.queue.length)", "/\\.([^.]+)\\.queue\\.length$/"),
      found("handler", "Handler", "Of a reverse proxy: the upstream.",
        "expand(stats.gauges.$namespace.$dispatcher.$host.*.pool.size)", "/\\.([^.]+)\\.pool\\.size$/"),
    ],
  },
};

function labels(selectors, label, metric = "kanaloa_works_received_total") {
  return `label_values(${metric}${selectors && `{${selectors}}`}, ${label})`;
}

function queried(name, label, description, allValue, query, regex = "") {
  return {
    name, label, description, type: "query", query, regex, allValue,
    current: { selected: true, text: ["All"], value: ["$__all"] },
    hide: 0, includeAll: true, multi: true, options: [],
    // When the time range changes: others may have been there then.
    refresh: 2, skipUrlSync: false, sort: 7,
  };
}

function found(name, label, description, query, regex) {
  return queried(name, label, description, "*", query, regex);
}

const fixed = (color) => ({ mode: "fixed", fixedColor: color });

function thresholds(steps) {
  return { mode: "absolute", steps: steps.map(([color, value]) => ({ color, value })) };
}

const looks = {
  stat: (panel) => ({
    options: {
      colorMode: "value", graphMode: "area", justifyMode: "auto", orientation: "auto", percentChangeColorMode: "standard",
      reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
      showPercentChange: false, textMode: "value", wideLayout: true,
    },
    defaults: {
      color: panel.steps ? { mode: "thresholds" } : fixed(panel.color ?? "blue"),
      custom: {},
      noValue: "–",
      thresholds: thresholds(panel.steps ?? [["green", null]]),
    },
  }),
  timeseries: (panel) => ({
    options: {
      legend: { calcs: ["lastNotNull", "max"], displayMode: "table", placement: "bottom", showLegend: true },
      tooltip: { mode: "multi", sort: "desc" },
    },
    defaults: {
      color: { mode: "palette-classic" },
      custom: {
        drawStyle: "line", fillOpacity: panel.stacked ? 40 : 10, lineWidth: 1, showPoints: "never", spanNulls: false,
        lineInterpolation: panel.steps ? "stepAfter" : "linear",
        stacking: { group: "A", mode: panel.stacked ? "normal" : "none" },
      },
      min: 0,
      ...(panel.max === undefined ? {} : { max: panel.max }),
    },
    overrides: Object.entries(panel.colors ?? {}).map(([name, color]) => ({
      matcher: { id: "byName", options: name },
      properties: [{ id: "color", value: fixed(color) }],
    })),
  }),
  "state-timeline": (panel, backend) => ({
    options: {
      alignValue: "center", mergeValues: true, rowHeight: 0.9, showValue: "auto",
      legend: { calcs: [], displayMode: "list", placement: "bottom", showLegend: false },
      tooltip: { mode: "single", sort: "none" },
    },
    defaults: {
      color: { mode: "thresholds" },
      custom: { fillOpacity: 80, lineWidth: 0 },
      mappings: panel.states[backend].map(([value, text, color], index) => ({
        type: "value",
        options: { [value]: { text, color, index } },
      })),
      thresholds: thresholds([["green", null]]),
    },
  }),
};

function panel(spec, backend, id, gridPos) {
  const datasource = { type: backend, uid: "${datasource}" };
  const { options, defaults, overrides = [] } = looks[spec.kind](spec, backend);
  const { title, description, unit, decimals } = spec;
  return {
    id, type: spec.kind, title, description, datasource, gridPos,
    fieldConfig: {
      defaults: { ...(unit ? { unit } : {}), ...(decimals === undefined ? {} : { decimals }), ...defaults },
      overrides,
    },
    options,
    targets: spec[backend].map((query, at) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + at), datasource, ...backends[backend].target(query),
    })),
  };
}

/** As many panels side by side as are legible. */
function perLine({ kind, count }) {
  return kind === "stat" ? count : Math.min(count, 3);
}

function panels(backend, layout) {
  const all = [];
  let y = 0;
  let id = 1;
  for (const row of rows(layout)) {
    const specs = row.panels.filter((spec) => spec[backend]);
    all.push({ id: id++, type: "row", title: row.title, collapsed: false, gridPos: { h: 1, w: WIDTH, x: 0, y }, panels: [] });
    y += 1;
    const side = perLine({ kind: specs[0].kind, count: specs.length });
    for (let from = 0; from < specs.length; from += side) {
      const line = specs.slice(from, from + side);
      const w = WIDTH / line.length;
      line.forEach((spec, at) => all.push(panel(spec, backend, id++, { h: row.height, w, x: at * w, y })));
      y += row.height;
    }
  }
  return all;
}

function dashboard(backend, layout = LAYOUTS.legacy) {
  const { title, variables } = backends[backend];
  const datasource = {
    name: "datasource", label: "Data source", type: "datasource", query: backend, regex: "", hide: 0,
    includeAll: false, multi: false, options: [], refresh: 1, skipUrlSync: false,
  };
  return {
    uid: `kanaloa-${backend}`,
    title,
    description: "What Kanaloa's dispatchers do, and why.",
    tags: ["kanaloa"],
    schemaVersion: 42,
    version: 1,
    editable: true,
    // One cursor for all panels.
    graphTooltip: 1,
    refresh: "10s",
    time: { from: "now-15m", to: "now" },
    timepicker: {},
    timezone: "browser",
    annotations: {
      list: [{
        builtIn: 1, datasource: { type: "grafana", uid: "-- Grafana --" }, enable: true, hide: true,
        iconColor: "rgba(0, 211, 255, 1)", name: "Annotations & Alerts", type: "dashboard",
      }],
    },
    links: [],
    templating: {
      list: [
        datasource,
        ...variables.map((variable) => ({ ...variable, datasource: { type: backend, uid: "${datasource}" } })),
      ],
    },
    panels: panels(backend, layout),
  };
}

const json = (dashboard) => `${JSON.stringify(dashboard, null, 2)}\n`;
const options = process.argv.slice(2);

if (options.includes("--new-namespace")) {
  process.stdout.write(json(dashboard("graphite", LAYOUTS.new)));
} else {
  for (const backend of Object.keys(backends)) {
    const file = new URL(`kanaloa-${backend}.json`, import.meta.url);
    const text = json(dashboard(backend));
    if (!options.includes("--check")) {
      writeFileSync(file, text);
    } else if (readFileSync(file, "utf8") !== text) {
      console.error(`${file.pathname} is not what is made of panels.mjs: run node grafana/generate.mjs`);
      process.exitCode = 1;
    }
  }
}
