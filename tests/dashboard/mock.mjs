// A dashboard's server with made-up dispatchers: the page as it is in the sources, and events as the real one sends them.
//
//   node mock.mjs [SCENARIO] [PORT]      one of steady, overload, breaker, many, evil, several, crowd, empty, silent, gone
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

const KEPT = 600;
const INTERVAL_MS = 1000;
const PAGE = new URL("../../src/dashboard/page/", import.meta.url);
const PLOTS = new URL("../../assets/uplot/", import.meta.url);
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; connect-src 'self'";

/** The page, put together as the library does it. */
export function assemble() {
  const files = { "uplot.css": new URL("uPlot.min.css", PLOTS), "uplot.js": new URL("uPlot.iife.min.js", PLOTS) };
  return readFileSync(new URL("page.html", PAGE), "utf8").replace(/\/\*\{(.+?)\}\*\//g, (_, name) =>
    readFileSync(files[name] ?? new URL(name, PAGE), "utf8"),
  );
}

/** The same number for the same arguments, from 0 to 1. */
function noise(...of) {
  let hash = 2166136261;
  for (const number of of) hash = Math.imul(hash ^ (number * 2654435761), 16777619) ^ (hash >>> 13);
  hash = Math.imul(hash ^ (hash >>> 15), 2246822519);
  return ((hash ^ (hash >>> 13)) >>> 0) / 4294967296;
}

const rounded = value => (Number.isInteger(value) ? value : +value.toPrecision(3));
const rounding = object =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, value == null ? null : rounded(value)]));

const handlerNames = (prefix, count) => Array.from({ length: count }, (_, i) => `${prefix}-${i + 1}`);

export const EVIL = [
  '<img src=x onerror="window.evil=1">',
  "</script><script>window.evil=1</script>",
  "Ωrders ☃ 注文処理 \u202Etxt",
  "a&amp;b \"quoted\" 'name'",
  "a-name-that-is-so-long-that-no-table-and-no-chart-can-show-all-of-it-without-breaking-it-somewhere",
];

/** What there is in a scenario: dispatchers with the load on them over time (in shares of what they can do). */
const SCENARIOS = {
  steady: [{ id: 1, name: "shop", handlers: handlerNames("orders", 3), load: () => 0.6 }],
  overload: [{ id: 1, name: "shop", handlers: handlerNames("orders", 3), load: i => (i % 600 > 250 ? 2.2 : 0.6) }],
  breaker: [
    {
      id: 1,
      name: "shop",
      handlers: handlerNames("orders", 4),
      load: () => 0.7,
      broken: (i, h) => h === 1 && i % 300 > 200,
    },
  ],
  many: [
    {
      id: 1,
      name: "fleet",
      handlers: handlerNames("node", 100),
      load: i => 0.6 + 0.3 * Math.sin(i / 60),
      broken: (i, h) => (h === 17 || h === 58) && i % 200 > 160,
    },
  ],
  evil: [{ id: 1, name: EVIL[0], handlers: EVIL, load: () => 0.6, broken: (i, h) => h === 0 && i % 100 > 80 }],
  several: [
    { id: 3, name: "shop", handlers: handlerNames("orders", 2), load: () => 0.5 },
    { id: 7, name: "shop", handlers: handlerNames("orders", 2), load: () => 1.8 },
    { id: 9, name: "search", handlers: handlerNames("index", 3), load: () => 0.4, broken: (_, h) => h === 2 },
    { id: 12, name: "mail", handlers: [], load: () => 0.1, state: "no-handlers" },
  ],
  crowd: Array.from({ length: 12 }, (_, i) => ({
    id: i + 1,
    name: `tenant ${i + 1}`,
    handlers: handlerNames("h", 2),
    load: () => (i === 6 ? 1.5 : 0.4),
  })),
  empty: [],
  silent: [{ id: 1, name: "shop", handlers: handlerNames("orders", 2), load: () => 0 }],
  gone: [
    { id: 1, name: "shop", handlers: handlerNames("orders", 2), load: () => 0.5 },
    { id: 2, name: "left", handlers: handlerNames("h", 1), load: () => 0.5, until: 563 },
  ],
};

const CAPACITY = 120; // of a handler, works per second
const LIMITS = {
  why: (from, to) =>
    from < to
      ? `raised from ${from} to ${to}: answers came as fast as with fewer in flight`
      : `lowered from ${from} to ${to}: answers took longer than they have to`,
};

function handlerAt(spec, h, i) {
  const load = spec.load(i);
  const broken = spec.broken?.(i, h) ?? false;
  const trial = !broken && (spec.broken?.(i - 4, h) ?? false);
  const limitAt = at => 8 + Math.round(6 * noise(spec.id, h, Math.floor(at / 9)));
  const limit = broken ? 1 : limitAt(i);
  const share = Math.min(load, 1);
  const done = broken ? 0 : Math.round(CAPACITY * share * (0.9 + 0.2 * noise(i, h, 1)));
  const none = done === 0;
  const some = count => (share > 0 ? count : 0);
  const process = 40 + 25 * noise(i, h, 2) + 60 * Math.max(0, share - 0.8);
  const now = rounding({
    // No two of them the same, so that none is taken for another.
    completed: done,
    failed: some(2),
    timed_out: some(1),
    cancelled: some(4),
    retried: some(3),
    hedged: some(5),
    process_p50_ms: none ? null : process,
    process_p95_ms: none ? null : process * 1.9,
    process_p99_ms: none ? null : process * (2.6 + noise(i, h, 7)),
    limit,
    in_flight: broken ? 0 : Math.min(limit, Math.round(limit * share * (0.8 + 0.3 * noise(i, h, 8)))),
    circuit: broken ? 2 : trial ? 1 : 0,
  });
  const since = i % 9;
  return {
    name: spec.handlers[h],
    handlers: 1,
    now,
    stuck: broken ? 1 : 0,
    circuit_opened: Math.floor(i / 300),
    limit_why: LIMITS.why(limitAt(i - 9), limitAt(i)),
    limit_ago_s: since + 0.4,
    circuit_why: broken
      ? "opened: 5 of the last 5 attempts timed out or failed"
      : trial
        ? "half-open: one attempt is let through on trial"
        : "closed since the start",
    circuit_ago_s: broken || trial ? i % 100 : null,
  };
}

function dispatcherAt(spec, i) {
  const handlers = spec.handlers.map((_, h) => handlerAt(spec, h, i));
  const sum = key => handlers.reduce((all, { now }) => all + (now[key] ?? 0), 0);
  const offered = Math.round(
    CAPACITY * Math.max(spec.handlers.length, 1) * spec.load(i) * (0.95 + 0.1 * noise(i, spec.id)),
  );
  const completed = sum("completed");
  const failed = sum("failed");
  const timedOut = sum("timed_out");
  const over = Math.max(0, offered - completed - failed - timedOut);
  const overloaded = spec.load(i) > 1 || spec.state === "no-handlers";
  const rejected = overloaded ? Math.round(over * 0.9) : 0;
  const wait = offered === 0 || spec.state === "no-handlers" ? null : (overloaded ? 90 : 3) * (1 + noise(i, 9));
  const now = rounding({
    received: offered,
    completed,
    failed,
    timed_out: timedOut,
    abandoned: overloaded ? 2 : 0,
    rejected,
    shed: overloaded ? over - rejected : 0,
    queue: overloaded ? Math.round(40 + 30 * noise(i, 10)) : Math.round(3 * noise(i, 10) * Math.min(1, offered)),
    in_flight: sum("in_flight"),
    drop_rate: overloaded ? 0.4 + 0.3 * noise(Math.floor(i / 5), 11) : 0,
    burst: i % 600 > 250 && i % 600 < 265 && overloaded ? 1 : 0,
    expected_wait_ms: wait && wait * 0.9,
    wait_p50_ms: wait,
    wait_p95_ms: wait && wait * 1.6,
    wait_p99_ms: wait && wait * 2.1,
  });
  const totals = {
    received: now.received * i,
    completed: completed * i,
    failed: failed * i,
    timed_out: timedOut * i,
    rejected: rejected * i,
    shed: now.shed * i,
    abandoned: 0,
    queued: now.queue,
    in_flight: now.in_flight,
  };
  return {
    id: spec.id,
    name: spec.name,
    state: spec.state ?? "running",
    now,
    rejected_by: rejected > 0 ? { [spec.state ? "no_handlers" : "over_capacity"]: rejected } : {},
    totals,
    admission: overloaded
      ? `${rounded(now.drop_rate * 100)} % are refused: works that came now would wait ${rounded(now.expected_wait_ms ?? 0)} ms, and 60 ms is the most`
      : "all are let in: the queue is empty often enough",
    handlers,
  };
}

const present = (spec, i) => i <= (spec.until ?? Infinity);

/** Serves a scenario until it is closed. `past` is how many seconds there have been before. */
export async function mock({ scenario = "steady", port = 0, past = KEPT, mount = "/" } = {}) {
  let boot;
  let start;
  let sequence;
  const viewers = new Set();
  const specs = () => SCENARIOS[scenario];
  const time = i => start + i * INTERVAL_MS;
  const tick = i => ({
    t: time(i),
    dispatchers: specs()
      .filter(spec => present(spec, i))
      .map(spec => dispatcherAt(spec, i)),
    ...(scenario === "crowd" ? { left_off: { dispatchers: 3, handlers: 6 } } : {}),
  });

  function begin(seconds) {
    boot = Math.floor(Math.random() * 2 ** 48).toString(16);
    sequence = seconds;
    start = Date.now() - sequence * INTERVAL_MS;
  }

  function history() {
    const first = Math.max(0, sequence - KEPT + 1);
    const at = Array.from({ length: sequence - first + 1 }, (_, k) => first + k);
    const column = (list, now) =>
      Object.fromEntries(Object.keys(now(list[0])).map(key => [key, list.map(i => now(i)[key])]));
    const dispatchers = specs()
      .filter(spec => present(spec, sequence))
      .map(spec => {
        const ticks = at.map(i => dispatcherAt(spec, i));
        return {
          id: spec.id,
          name: spec.name,
          series: column(at, i => ticks[i - first].now),
          handlers: spec.handlers.map((name, h) => ({
            name,
            series: column(at, i => ticks[i - first].handlers[h].now),
          })),
        };
      });
    return {
      version: "0.1.0",
      interval_ms: INTERVAL_MS,
      kept: KEPT,
      t: at.map(time),
      dispatchers,
      tick: tick(sequence),
    };
  }

  const send = (viewer, event, data) =>
    viewer.write(`event: ${event}\nid: ${boot}-${sequence}\ndata: ${JSON.stringify(data)}\n\n`);

  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://mock").pathname;
    if (path === mount) {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8", "content-security-policy": POLICY });
      return response.end(assemble());
    }
    if (path !== `${mount}events`) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write("retry: 1000\n\n");
    const [of, seen] = (request.headers["last-event-id"] ?? "").split("-");
    if (of === boot && Number(seen) > sequence - KEPT) {
      for (let i = Number(seen) + 1; i <= sequence; i++) {
        response.write(`event: tick\nid: ${boot}-${i}\ndata: ${JSON.stringify(tick(i))}\n\n`);
      }
    } else {
      send(response, "history", history());
    }
    viewers.add(response);
    request.on("close", () => viewers.delete(response));
  });

  begin(past);
  await new Promise(resolve => server.listen(port, "127.0.0.1", resolve));
  const timer = setInterval(() => {
    sequence += 1;
    const data = tick(sequence);
    viewers.forEach(viewer => send(viewer, "tick", data));
  }, INTERVAL_MS);
  return {
    url: `http://127.0.0.1:${server.address().port}${mount}`,
    /** As another process in its place: what was is forgotten. */
    restart(next = scenario, seconds = 3) {
      scenario = next;
      begin(seconds);
      viewers.forEach(viewer => viewer.destroy());
    },
    close() {
      clearInterval(timer);
      viewers.forEach(viewer => viewer.destroy());
      server.close();
      server.closeAllConnections();
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [scenario = "steady", port = "0", past = String(KEPT)] = process.argv.slice(2);
  console.log((await mock({ scenario, port: Number(port), past: Number(past) })).url);
}
