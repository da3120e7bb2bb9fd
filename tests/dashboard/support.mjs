// A browser, a page of it that keeps a record of what it is sent, and a relay that can cut it off.
import { connect, createServer } from "node:net";
import puppeteer from "puppeteer-core";

export const launch = () =>
  puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

export const pause = ms => new Promise(resolve => setTimeout(resolve, ms));

/** Passes connections on to where the URL points to, until it is cut. */
export async function relay(target) {
  const { hostname, port, pathname } = new URL(target);
  const sockets = new Set();
  let open = true;
  const server = createServer(client => {
    if (!open) return client.destroy();
    const upstream = connect(Number(port || 80), hostname);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ]) {
      sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise(resolve => server.listen(0, "127.0.0.1", resolve));
  const cut = () => sockets.forEach(socket => socket.destroy());
  return {
    url: `http://127.0.0.1:${server.address().port}${pathname}`,
    cut() {
      open = false;
      cut();
    },
    /** Nothing comes through any more, and nobody is told. */
    stall() {
      sockets.forEach(socket => {
        socket.unpipe();
        socket.pause();
      });
    },
    mend() {
      open = true;
    },
    close() {
      cut();
      server.close();
    },
  };
}

/** Opens a page that is live, and what went wrong in it. */
export async function visit(browser, url, { width = 1400, height = 900, scheme = "light", hash = "" } = {}) {
  const page = await browser.newPage();
  const seen = { errors: [], requests: [], documentBytes: 0 };
  page.on("console", message => {
    if (message.type() === "error") seen.errors.push(message.text());
  });
  page.on("pageerror", error => seen.errors.push(String(error)));
  page.on("request", request => seen.requests.push(request.url()));
  const session = await page.createCDPSession();
  await session.send("Network.enable");
  const documents = new Set();
  session.on("Network.responseReceived", ({ requestId, type }) => {
    if (type === "Document") documents.add(requestId);
  });
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (documents.has(requestId)) seen.documentBytes += encodedDataLength;
  });
  await page.evaluateOnNewDocument(() => {
    window.sent = [];
    const Source = window.EventSource;
    window.EventSource = class extends Source {
      constructor(...rest) {
        super(...rest);
        for (const name of ["history", "tick"]) {
          this.addEventListener(name, event =>
            window.sent.push({ name, id: event.lastEventId, data: JSON.parse(event.data) }),
          );
        }
      }
    };
  });
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  seen.response = await page.goto(url + hash);
  await until(page, () => document.getElementById("connection-badge").textContent === "live");
  return { page, seen };
}

/** Until it holds in the page; fails after some seconds. */
export const until = (page, holds, ...args) => page.waitForFunction(holds, { timeout: 30_000, polling: 50 }, ...args);

export const texts = (page, selector) => page.$$eval(selector, all => all.map(one => one.textContent));

export const text = async (page, selector) => (await texts(page, selector))[0];
