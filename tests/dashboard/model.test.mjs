// What the page keeps, without a page.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import vm from "node:vm";

const source = name => readFileSync(new URL(`../../src/dashboard/page/${name}`, import.meta.url), "utf8");
const { model, decisions } = vm.runInThisContext(
  `(() => { ${source("words.js")}\n${source("model.js")}\n${source("decisions.js")}\n return { model, decisions }; })()`,
);

const handler = (name, now, more) => ({
  name,
  handlers: 1,
  now,
  stuck: 0,
  circuit_opened: 0,
  limit_why: "",
  limit_ago_s: null,
  circuit_why: "",
  circuit_ago_s: null,
  ...more,
});
const dispatcher = (id, received, handlers = []) => ({
  id,
  name: `d${id}`,
  state: "running",
  now: { received },
  rejected_by: {},
  totals: { received },
  admission: "all",
  handlers,
});
const history = (t, dispatchers, kept = 600) => ({
  version: "1",
  interval_ms: 1000,
  kept,
  t,
  dispatchers,
  tick: { t: t.at(-1), dispatchers: [] },
});

test("a tick that is known is no news, one of another run is a new beginning", () => {
  const live = new model.Model();
  live.history(history([1000, 2000], []), "a-2");
  assert.equal(live.tick({ t: 2000, dispatchers: [] }, "a-2"), false);
  assert.equal(live.tick({ t: 3000, dispatchers: [] }, "a-3"), true);
  assert.deepEqual(live.times, [1000, 2000, 3000]);
  assert.equal(live.tick({ t: 9000, dispatchers: [] }, "b-1"), true);
  assert.deepEqual(live.times, [9000]);
});

test("those that come and go have nulls where they were not, and are dropped when nothing is left of them", () => {
  const live = new model.Model();
  live.history({ ...history([1000], [], 4) }, "a-1");
  live.tick({ t: 2000, dispatchers: [dispatcher(1, 5, [handler("h", { limit: 3 })])] }, "a-2");
  live.tick({ t: 3000, dispatchers: [dispatcher(2, 7)] }, "a-3");
  const [one, two] = [live.dispatchers.get(1), live.dispatchers.get(2)];
  assert.deepEqual(one.track.of("received"), [null, 5, null]);
  assert.deepEqual(one.handlers.get("h").track.of("limit"), [null, 3, null]);
  assert.deepEqual(two.track.of("received"), [null, null, 7]);
  assert.equal(one.gone, true);
  for (const n of [4, 5]) live.tick({ t: n * 1000, dispatchers: [dispatcher(2, 7)] }, `a-${n}`);
  assert.deepEqual(one.track.of("received"), [5, null, null, null]);
  assert.ok(live.dispatchers.has(1));
  live.tick({ t: 6000, dispatchers: [dispatcher(2, 7)] }, "a-6");
  assert.deepEqual([...live.dispatchers.keys()], [2]);
  assert.deepEqual(live.times, [3000, 4000, 5000, 6000]);
});

test("where nothing was told for a while there is a gap", () => {
  const live = new model.Model();
  live.history(history([1000], []), "a-1");
  live.tick({ t: 2000, dispatchers: [dispatcher(1, 5)] }, "a-2");
  live.tick({ t: 9000, dispatchers: [dispatcher(1, 6)] }, "a-3");
  assert.deepEqual(live.times, [1000, 2000, 3000, 9000]);
  assert.deepEqual(live.dispatchers.get(1).track.of("received"), [null, 5, null, 6]);
});

test("a copy stands still", () => {
  const live = new model.Model();
  live.history(history([1000], []), "a-1");
  live.tick({ t: 2000, dispatchers: [dispatcher(1, 5, [handler("h", { limit: 3 })])] }, "a-2");
  const copy = live.copy();
  live.tick({ t: 3000, dispatchers: [dispatcher(1, 6, [handler("h", { limit: 4 })])] }, "a-3");
  assert.deepEqual(copy.times, [1000, 2000]);
  assert.deepEqual(copy.dispatchers.get(1).handlers.get("h").track.of("limit"), [null, 3]);
  assert.equal(copy.dispatchers.get(1).last.now.received, 5);
});

test("a decision is logged once, however often it is told", () => {
  const log = new decisions.Log();
  const told = (ago, text = "opened") =>
    dispatcher(1, 5, [handler("h", {}, { circuit_why: text, circuit_ago_s: ago })]);
  log.observe(1000, told(null));
  log.observe(2000, told(0.4));
  log.observe(3000, told(1.4));
  log.observe(4000, told(0.2, "opened again"));
  assert.deepEqual(
    log.entries.map(({ t, kind, text }) => [t, kind, text]),
    [
      [3800, "breaker", "opened again"],
      [1600, "breaker", "opened"],
      [1000, "regulator", "all"],
    ],
  );
});

test("a decision in every second is logged, at whatever part of the second it is made", () => {
  const log = new decisions.Log();
  const told = (ago, text) => dispatcher(1, 5, [handler("h", {}, { circuit_why: text, circuit_ago_s: ago })]);
  log.observe(1000, told(0.2, "first"));
  log.observe(2000, told(0.6, "second"));
  log.observe(3001, told(0.6, "third"));
  // The same, a second later.
  log.observe(4001, told(1.6, "third"));
  log.observe(5002, told(0, "fourth"));
  log.observe(6003, told(1, "fourth"));
  assert.deepEqual(
    log.entries.filter(({ kind }) => kind === "breaker").map(({ t, text }) => [t, text]),
    [
      [5002, "fourth"],
      [2401, "third"],
      [1400, "second"],
      [800, "first"],
    ],
  );
});

test("a throttle that changes all the time does not push out the rest", () => {
  const log = new decisions.Log();
  for (let i = 1; i <= 100; i++) {
    const handlers = Array.from({ length: 100 }, (_, h) =>
      handler(
        `h${h}`,
        {},
        {
          limit_why: `to ${i}`,
          limit_ago_s: 0.1,
          ...(h === 0 && i === 1 ? { circuit_why: "opened", circuit_ago_s: 0 } : {}),
        },
      ),
    );
    log.observe(
      i * 60_000,
      dispatcher(
        1,
        5,
        handlers.map(one => ({ ...one, limit_ago_s: 0.1 - i / 10_000 })),
      ),
    );
  }
  assert.equal(log.entries.filter(({ kind }) => kind === "limit").length, 30);
  assert.equal(log.entries.filter(({ kind }) => kind === "breaker").length, 1);
});

test("words with other numbers are the same admission", () => {
  const log = new decisions.Log();
  for (const [i, words] of ["0ns is the wait", "12.5µs is the wait", "13 ms is the wait", "all are let in"].entries())
    log.observe(i * 1000, { ...dispatcher(1, 5), admission: words });
  assert.deepEqual(
    log.entries.map(({ text }) => text),
    ["all are let in", "0ns is the wait"],
  );
});
