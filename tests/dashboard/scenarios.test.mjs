// What the page makes of situations that a mock brings about.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { EVIL, mock } from "./mock.mjs";
import { launch, pause, text, texts, until, visit } from "./support.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** A test with a server of its own. */
function scene(name, options, body) {
  test(name, async () => {
    const server = await mock(options);
    let page;
    try {
      const visited = await visit(browser, server.url, options);
      page = visited.page;
      await body({ server, ...visited });
      if (options.errors !== "expected") assert.deepEqual(visited.seen.errors, []);
      if (process.env.SHOTS)
        await page.screenshot({ path: `${process.env.SHOTS}/${name.replace(/\W+/g, "-")}.png`, fullPage: true });
    } finally {
      await page?.close();
      server.close();
    }
  });
}

scene("names are text, whatever they say", { scenario: "evil" }, async ({ page }) => {
  await until(page, () => window.sent.length >= 3);
  assert.equal(await page.evaluate(() => window.evil), undefined);
  assert.equal(await page.evaluate(() => document.images.length), 0);
  assert.equal(await page.evaluate(() => document.scripts.length), 9);
  assert.equal(await text(page, "#dispatcher-name"), EVIL[0]);
  assert.deepEqual((await texts(page, "#handlers tbody th")).sort(), [...EVIL].sort());
  for (const name of EVIL) {
    await page.select("#handler", `=${name}`);
    assert.equal(await text(page, "tr.chosen th"), name);
    assert.equal(new URLSearchParams(new URL(page.url()).hash.slice(1)).get("handler"), name);
  }
  assert.equal(await page.evaluate(() => window.evil), undefined);
});

scene("overload is said in words", { scenario: "overload", past: 580 }, async ({ page }) => {
  assert.equal(await text(page, "#health-badge"), "overloaded");
  assert.match(
    await text(page, "#health-words"),
    /^More comes in than can be answered in time\. Of the last 5 s, \d+ % was refused\. Of what handlers did lately, \d % failed/,
  );
  assert.match(await text(page, "#reasons"), /over capacity [\d,]+\/s/);
  assert.match(await page.title(), /shop: overloaded/);
  assert.match(await text(page, "#decisions"), /are refused: works that came now would wait/);
});

scene("an open breaker is said in words, and why", { scenario: "breaker", past: 590 }, async ({ page }) => {
  assert.equal(await text(page, "#health-badge"), "breaker open");
  assert.match(await text(page, "#health-words"), /^The breaker of 1 of 4 handlers is open\./);
  assert.match(await text(page, "#decisions"), /orders-2 opened: 5 of the last 5 attempts/);
  const log = await texts(page, "#log li");
  assert.equal(log.filter(line => line.includes("orders-2 opened: 5 of the last 5")).length, 1);
  assert.equal(
    log.filter(line => line.includes("orders-2 went from closed to open")).length,
    1,
    "the time before, from the history",
  );
  // It closes again while one looks.
  await until(page, () => document.getElementById("health-badge").textContent === "breaker half-open");
  await until(page, () => document.getElementById("health-badge").textContent === "OK");
  assert.equal((await texts(page, "#log li")).filter(line => line.includes("half-open: one attempt")).length, 1);
});

scene(
  "dispatchers of the same name are told apart, and the choice is kept",
  { scenario: "several" },
  async ({ page, server }) => {
    assert.deepEqual(await texts(page, "#dispatchers button > span"), ["shop", "shop (2)", "search", "mail"]);
    assert.deepEqual(await texts(page, "#dispatchers .badge"), ["OK", "overloaded", "breaker open", "no handlers"]);
    const received = async () =>
      await page.evaluate(() => {
        document.getElementById("pause").click();
        const shown = document.querySelector("#figures dd").textContent;
        document.getElementById("pause").click();
        return [shown, window.sent.at(-1).data.tick ?? window.sent.at(-1).data];
      });
    for (const [i, id] of [3, 7, 9, 12].entries()) {
      await page.click(`#dispatchers button:nth-child(${i + 1})`);
      const [shown, tick] = await received();
      assert.equal(shown, `${tick.dispatchers.find(dispatcher => dispatcher.id === id).now.received}/s`);
    }
    await page.click("#dispatchers button:nth-child(2)");
    await page.goto("about:blank");
    await page.goto(`${server.url}#dispatcher=shop&nth=2`);
    await until(page, () =>
      document.querySelector("#dispatchers [aria-current=true]")?.textContent.startsWith("shop (2)"),
    );
  },
);

scene("many dispatchers are a list, and it says how many there are beside", { scenario: "crowd" }, async ({ page }) => {
  const options = await texts(page, "#dispatchers option");
  assert.equal(options.length, 12);
  assert.deepEqual([options[0], options[6]], ["tenant 1 – OK", "tenant 7 – overloaded"]);
  assert.equal(await text(page, "#notice"), "There are too many to tell of: 3 dispatchers and 6 handlers more.");
  await page.select("#dispatchers select", "6");
  assert.equal(await text(page, "#dispatcher-name"), "tenant 7");
});

scene(
  "of 100 handlers the table is sorted, filtered and chosen from",
  { scenario: "many", past: 598 },
  async ({ page }) => {
    await until(page, () => window.sent.length >= 2);
    const names = () => texts(page, "#handlers tbody th");
    const all = Array.from({ length: 100 }, (_, i) => `node-${i + 1}`);
    assert.deepEqual(await names(), all);
    await page.click("#pause");
    await page.click("thead th:nth-child(3) button");
    const limits = (await texts(page, "#handlers tbody td:nth-child(3)")).map(Number);
    assert.deepEqual(
      limits,
      [...limits].sort((a, b) => b - a),
    );
    assert.equal(await page.$eval("thead th:nth-child(3)", cell => cell.getAttribute("aria-sort")), "descending");
    await page.click("thead th:nth-child(3) button");
    assert.deepEqual(
      (await texts(page, "#handlers tbody td:nth-child(3)")).map(Number),
      [...limits].sort((a, b) => a - b),
    );
    await page.type("#filter", "NODE-5");
    assert.equal((await names()).length, 11);
    assert.equal(await text(page, "#handlers-note"), "11 of 100 handlers");
    await page.click("#handlers tbody tr:nth-child(4)");
    const chosen = (await names())[3];
    assert.equal(await text(page, "tr.chosen th"), chosen);
    assert.ok((await texts(page, "figcaption .soft")).includes(chosen));
    await page.click("#handlers tbody tr:nth-child(4)");
    assert.equal(await page.$("tr.chosen"), null);
    await page.click("#pause");
    const cpu = async () => {
      const { TaskDuration, Timestamp } = await page.metrics();
      return { TaskDuration, Timestamp };
    };
    const from = await cpu();
    await pause(5000);
    const to = await cpu();
    console.log(
      `100 handlers: ${Math.round((100 * (to.TaskDuration - from.TaskDuration)) / (to.Timestamp - from.Timestamp))} % of a core in the browser`,
    );
  },
);

scene("without a dispatcher it says so", { scenario: "empty" }, async ({ page, server }) => {
  assert.match(await text(page, "#notice"), /^No dispatcher yet/);
  assert.equal(await page.$eval("#view", view => view.checkVisibility()), false);
  assert.equal(server.url.length > 0, true);
});

scene("what is refused now and then is no overload", { scenario: "steady" }, async ({ page }) => {
  const health = await page.evaluate(() => {
    const [dispatcher] = dashboard.live.copy().dispatchers.values();
    ["failed", "timed_out"].forEach(key => dispatcher.track.of(key).fill(0));
    const refusing = count => {
      dispatcher.track.of("rejected").fill(0).splice(-3, 1, count);
      const { short, long } = words.health(dispatcher);
      return [short, long.replace(/[\d.]+ %/, "N %")];
    };
    return [refusing(0), refusing(1), refusing(100)];
  });
  assert.deepEqual(health, [
    ["OK", "What comes in is answered."],
    ["OK", "Of the last 5 s, N % was refused."],
    ["overloaded", "More comes in than can be answered in time. Of the last 5 s, N % was refused."],
  ]);
});

scene("a service that fails is not well", { scenario: "steady" }, async ({ page }) => {
  const health = await page.evaluate(() => {
    const [dispatcher] = dashboard.live.copy().dispatchers.values();
    const [handler] = dispatcher.handlers.values();
    const failing = (failed, timedOut) => {
      for (const { track } of [dispatcher, handler]) {
        track.of("completed").fill(90);
        track.of("failed").fill(failed);
        track.of("timed_out").fill(timedOut);
      }
      return [words.health(dispatcher).short, words.health(dispatcher).level, words.doing(handler).short];
    };
    return [failing(0, 0), failing(5, 4), failing(5, 5), failing(0, 90)];
  });
  assert.deepEqual(health, [
    ["OK", "good", "working"],
    ["OK", "good", "working"],
    ["failing", "bad", "10 % fails"],
    ["failing", "bad", "50 % fails"],
  ]);
});

scene("without traffic it says so", { scenario: "silent" }, async ({ page }) => {
  assert.equal(await text(page, "#health-badge"), "OK, no traffic yet");
  assert.deepEqual((await texts(page, "#figures dd")).slice(0, 4), ["0/s", "0/s", "–", "–"]);
});

scene(
  "another run of the server begins anew",
  { scenario: "overload", past: 580, errors: "expected" },
  async ({ page, server }) => {
    await until(page, () => window.sent.length >= 2);
    server.restart("steady", 3);
    await until(page, () => window.sent.filter(({ name }) => name === "history").length === 2);
    await until(page, () => document.getElementById("health-badge").textContent === "OK");
    const { times, sent } = await page.evaluate(() => ({
      times: dashboard.live.times,
      sent: window.sent.map(({ name, data }) => [name, data.t]),
    }));
    const again = sent.slice(sent.findLastIndex(([name]) => name === "history"));
    assert.deepEqual(
      times,
      again.flatMap(([, t]) => t),
      "nothing is left of the run before",
    );
    assert.ok(!(await text(page, "#log")).includes("are refused"));
  },
);

scene("a dispatcher that ends is shown as gone", { scenario: "gone", past: 561 }, async ({ page }) => {
  await until(page, () => document.querySelectorAll("#dispatchers .badge")[1].textContent === "gone");
  await page.click("#dispatchers button:nth-child(2)");
  assert.equal(await text(page, "#health-badge"), "gone");
  const last = await page.evaluate(() => [...dashboard.live.dispatchers.values()][1].track.of("received").at(-1));
  assert.equal(last, null, "a gap, not a line on");
});
