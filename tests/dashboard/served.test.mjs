// What holds of any dashboard: of the mock, or of the one that DASHBOARD_URL points to.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mock } from "./mock.mjs";
import { launch, pause, relay, text, texts, until, visit } from "./support.mjs";

let browser;
let server;
let url;

before(async () => {
  browser = await launch();
  if (!process.env.DASHBOARD_URL) server = await mock({ scenario: "several", mount: "/ops/kanaloa/" });
  url = process.env.DASHBOARD_URL ?? server.url;
});

after(async () => {
  await browser?.close();
  server?.close();
});

test("it is small, soon there, asks nobody else and makes no errors", async () => {
  const { page, seen } = await visit(browser, url);
  await until(page, () => window.sent.length >= 3);
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
  assert.ok(paint < 1000, `first paint after ${paint} ms`);
  assert.ok(seen.documentBytes > 10_000 && seen.documentBytes <= 250 << 10, `${seen.documentBytes} bytes`);
  assert.match(seen.response.headers()["content-security-policy"], /default-src 'none'/);
  assert.deepEqual(
    [...new Set(seen.requests.filter(asked => !asked.startsWith("data:")))],
    [url, new URL("events", url).href],
  );
  assert.deepEqual(seen.errors, []);
  console.log(`first contentful paint ${Math.round(paint)} ms, ${seen.documentBytes} bytes`);
  await page.close();
});

test("all charts are drawn, and what was completed is in its colour", async () => {
  const { page } = await visit(browser, url);
  await until(page, () => document.querySelectorAll("figure canvas").length === 8);
  await pause(200);
  const drawn = await page.evaluate(() =>
    [...document.querySelectorAll("figure canvas")].map(canvas => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    }),
  );
  for (const colours of drawn) assert.ok(colours > 3, `colours in each chart: ${drawn}`);
  const [shown, completed] = await page.evaluate(() => {
    const canvas = document.querySelector("figure canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const good = getComputedStyle(document.documentElement).getPropertyValue("--good").trim();
    const wanted = [1, 3, 5].map(at => parseInt(good.slice(at, at + 2), 16)).join();
    let pixels = 0;
    for (let i = 0; i < data.length; i += 4) pixels += data.slice(i, i + 3).join() === wanted;
    const [
      {
        data: {
          dispatchers: [{ series }],
        },
      },
    ] = window.sent;
    return [pixels, series.completed.some(value => value > 0)];
  });
  if (completed) assert.ok(shown > 100, `${shown} pixels`);
  await page.close();
});

/** What a cell says, as it was sent: counts as they are, times in milliseconds. */
function read(cell) {
  if (cell === "–") return null;
  const word = ["closed", "half-open", "open"].indexOf(cell);
  if (word >= 0) return word;
  const [, number, unit] = cell.match(/^([\d.,]+) ?(.*)$/);
  return Number(number.replaceAll(",", "")) * ({ "µs": 0.001, s: 1000, min: 60_000 }[unit] ?? 1);
}

test("numbers in the table and above it are those that were sent", async () => {
  const { page } = await visit(browser, url);
  await until(page, () => window.sent.length >= 3);
  const { rows, figures, last } = await page.evaluate(() => {
    document.getElementById("pause").click();
    return {
      rows: [...document.querySelectorAll("#handlers tbody tr")].map(row =>
        [...row.cells].map(cell => cell.textContent),
      ),
      figures: Object.fromEntries(
        [...document.querySelectorAll("#figures > div")].map(({ firstChild, lastChild }) => [
          firstChild.textContent,
          lastChild.textContent,
        ]),
      ),
      last: window.sent.at(-1).data,
    };
  });
  const sent = last.tick ? last.tick.dispatchers[0] : last.dispatchers[0];
  assert.ok(sent.handlers.length > 0);
  assert.deepEqual(rows.map(([name]) => name).sort(), sent.handlers.map(({ name }) => name).sort());
  const close = (shown, value) =>
    value == null ? shown === null : value < 100 ? Math.abs(shown - value) <= 0.05 : shown === Math.round(value);
  for (const [name, , ...cells] of rows) {
    const { now, stuck, circuit_opened: opened, handlers } = sent.handlers.find(handler => handler.name === name);
    if (handlers === 0) continue;
    const wanted = [
      now.limit,
      now.in_flight,
      stuck,
      now.completed,
      now.failed,
      now.timed_out,
      now.retried,
      now.hedged,
      now.cancelled,
      now.process_p50_ms,
      now.process_p99_ms,
      now.circuit,
      opened,
    ];
    cells.forEach((cell, i) =>
      assert.ok(close(read(cell), wanted[i]), `${name}, column ${i + 3}: ${cell} for ${wanted[i]}`),
    );
  }
  const { now } = sent;
  for (const [label, value] of [
    ["in", now.received],
    ["answered", now.completed],
    ["p99 wait", now.wait_p99_ms],
    ["in flight", now.in_flight],
    ["queued", now.queue],
  ]) {
    assert.ok(close(read(figures[label]), value), `${label}: ${figures[label]} for ${value}`);
  }
  await page.close();
});

test("after a lost connection there is neither a gap nor a tick twice", async () => {
  const way = await relay(url);
  const { page } = await visit(browser, way.url);
  await until(page, () => window.sent.length >= 3);
  const known = await page.evaluate(() => dashboard.live.times.length);
  way.cut();
  await until(page, () => document.getElementById("connection-badge").textContent === "reconnecting…");
  assert.equal(await text(page, "#health-badge"), "disconnected");
  assert.equal(
    await text(page, "#announcement").then(said => said.includes("disconnected") || said.includes("reconnecting")),
    true,
  );
  assert.equal(await page.evaluate(() => dashboard.live.times.length), known, "what it had is kept");
  await pause(2500);
  way.mend();
  const before = await page.evaluate(() => window.sent.length);
  await until(
    page,
    before => document.getElementById("connection-badge").textContent === "live" && window.sent.length >= before + 4,
    before,
  );
  const { sent, times, interval } = await page.evaluate(() => ({
    sent: window.sent.map(({ name, id, data }) => ({ name, id, t: data.t })),
    times: dashboard.live.times,
    interval: dashboard.live.interval,
  }));
  assert.equal(sent.filter(({ name }) => name === "history").length, 1, "only what was missed is sent");
  const sequence = sent.map(({ id }) => Number(id.split("-").at(-1)));
  sequence.forEach((n, i) => assert.equal(n, sequence[0] + i));
  const all = new Set([...sent[0].t, ...sent.slice(1).map(({ t }) => t)]);
  const kept = [...all].slice(-times.length);
  assert.deepEqual(times, kept);
  times.slice(1).forEach((t, i) => assert.ok(t > times[i] && t - times[i] < 2.5 * interval, `${times[i]} to ${t}`));
  await page.close();
  way.close();
});

test("a connection that is silent is given up, and made anew", async () => {
  const way = await relay(url);
  const { page } = await visit(browser, way.url);
  await until(page, () => window.sent.length >= 3);
  way.stall();
  await until(page, () => window.sent.filter(({ name }) => name === "history").length === 2);
  assert.equal(await text(page, "#connection-badge"), "live");
  const { newest, last } = await page.evaluate(() => ({
    newest: dashboard.live.newest,
    last: window.sent.at(-1).data,
  }));
  assert.equal(newest, last.tick?.t ?? last.t);
  await page.close();
  way.close();
});

test("a paused page stands still and goes on collecting", async () => {
  const { page } = await visit(browser, url);
  await until(page, () => window.sent.length >= 2);
  await page.click("#pause");
  const view = () => page.evaluate(() => document.getElementById("view").innerText);
  const [shown, known] = [await view(), await page.evaluate(() => dashboard.live.newest)];
  await until(page, known => dashboard.live.newest > known + 1500, known);
  assert.equal(await view(), shown);
  assert.equal(await text(page, "#connection-badge"), "paused");
  await page.click("#pause");
  assert.equal(await text(page, "#connection-badge"), "live");
  await page.close();
});

test("a page that nobody sees is not drawn", async () => {
  const { page } = await visit(browser, url);
  await until(page, () => window.sent.length >= 2);
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
    window.drawn = 0;
    const draw = dashboard.group.show;
    dashboard.group.show = function (view) {
      window.drawn += 1;
      return draw.call(this, view);
    };
  });
  await pause(100);
  const [drawn, known] = await page.evaluate(() => [window.drawn, window.sent.length]);
  await until(page, known => window.sent.length >= known + 2, known);
  assert.equal(await page.evaluate(() => window.drawn), drawn);
  await page.evaluate(() => {
    delete document.hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await until(page, drawn => window.drawn > drawn, drawn);
  await page.close();
});

test("dark and light differ, in the charts too, and follow a change", async () => {
  const { page } = await visit(browser, url, { scheme: "light" });
  await until(page, () => document.querySelectorAll("figure canvas").length === 8);
  const look = () =>
    page.evaluate(() => {
      const canvas = document.querySelector("figure canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      // What the labels of its axis are drawn with: the darkest or lightest of all pixels.
      let sum = 0;
      let count = 0;
      for (let i = 0; i < data.length; i += 4)
        if (data[i + 3] === 255 && data[i] === data[i]) {
          sum += data[i] + data[i + 1] + data[i + 2];
          count += 1;
        }
      return {
        ground: getComputedStyle(document.body).backgroundColor,
        ink: getComputedStyle(document.body).color,
        canvas: Math.round(sum / count),
      };
    });
  const light = await look();
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
  await pause(1200);
  const dark = await look();
  const brightness = colour =>
    colour
      .match(/\d+/g)
      .slice(0, 3)
      .reduce((sum, part) => sum + Number(part), 0);
  assert.ok(brightness(light.ground) > 600 && brightness(light.ink) < 200, JSON.stringify(light));
  assert.ok(brightness(dark.ground) < 150 && brightness(dark.ink) > 600, JSON.stringify(dark));
  assert.notEqual(light.canvas, dark.canvas);
  await page.close();
});

for (const width of [360, 390, 800, 1400]) {
  test(`nothing sticks out at a width of ${width}`, async () => {
    const { page } = await visit(browser, url, { width, scheme: width === 390 ? "dark" : "light" });
    await until(page, () => document.querySelectorAll("figure canvas").length === 8);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
    const out = await page.evaluate(
      width =>
        [...document.querySelectorAll("body *")]
          .filter(element => {
            const box = element.getBoundingClientRect();
            return box.width > 0 && box.right > width + 0.5 && !element.closest(".wide, .plot");
          })
          .map(element => element.outerHTML.slice(0, 80)),
      width,
    );
    assert.deepEqual(out, []);
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/served-${width}.png`, fullPage: true });
    await page.close();
  });
}

test("keys walk through time, in all charts at once", async () => {
  const { page } = await visit(browser, url);
  await until(page, () => document.querySelectorAll("figure canvas").length === 8 && window.sent.length >= 3);
  const moments = async () => [...new Set(await texts(page, ".moment"))];
  assert.deepEqual(await moments(), ["now"]);
  await page.focus(".plot");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  const [wanted, received] = await page.evaluate(() => {
    const { pinned, view } = dashboard.group;
    return [words.time(pinned), words.rate(view.dispatcher.track.of("received")[view.times.indexOf(pinned)])];
  });
  assert.deepEqual(await moments(), [wanted]);
  const shown = () => text(page, "figure:nth-of-type(2) .legend b");
  assert.equal(await shown(), received);
  // It stays at its moment while time goes on.
  const known = await page.evaluate(() => window.sent.length);
  await until(page, known => window.sent.length >= known + 2, known);
  await pause(100);
  assert.deepEqual([await moments(), await shown()], [[wanted], received]);
  await page.click("#pause");
  await page.focus(".plot");
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowRight");
  const second = await page.evaluate(() => {
    const { times, from } = dashboard.group.view;
    return words.time(
      times[
        Math.max(
          times.findIndex(t => t >= from),
          0,
        ) + 1
      ],
    );
  });
  assert.deepEqual(await moments(), [second]);
  await page.keyboard.press("Escape");
  assert.deepEqual(await moments(), ["now"]);
  await page.close();
});

test("everything that can be used has a name, and headings have an order", async () => {
  const { page } = await visit(browser, url);
  await until(page, () => document.querySelectorAll("figure canvas").length === 8);
  const nameless = await page.$$eval("button, select, input, [tabindex]", all =>
    all
      .filter(
        one =>
          one.checkVisibility() &&
          !(
            (one.textContent.trim() && one.tagName === "BUTTON") ||
            one.getAttribute("aria-label") ||
            one.closest("label")
          ),
      )
      .map(one => one.outerHTML),
  );
  assert.deepEqual(nameless, []);
  const levels = await page.$$eval("h1, h2, h3", all => all.map(one => Number(one.tagName[1])));
  assert.equal(levels.filter(level => level === 1).length, 1);
  levels.slice(1).forEach((level, i) => assert.ok(level <= levels[i] + 1));
  assert.equal(await page.$eval("#announcement", one => one.getAttribute("aria-live")), "polite");
  await page.close();
});
