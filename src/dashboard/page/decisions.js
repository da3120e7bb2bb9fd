"use strict";

// What controllers decided, and what else changed, newest first: kept by the page, as the server tells of the last one only.
const decisions = (() => {
  const KEPT = 50;
  // What may change all the time may not push the rest out.
  const MOST_OF = { limit: 30, regulator: 15 };
  // Changes of a limit that follow each other are one entry.
  const TOGETHER_MS = 10_000;

  // Words without their numbers and the units of these: while they are the same, so is the decision.
  const gist = text => text.replace(/\d[\d.,]*\s?(?:(?:ns|µs|ms|s|min|%)(?!\p{L}))?/gu, "#");

  class Log {
    constructor() {
      this.entries = [];
      this.known = null;
    }

    add(entry) {
      const same = this.entries.find(other => other.kind === entry.kind && other.handler === entry.handler);
      if (entry.kind === "limit" && same && entry.t - same.t < TOGETHER_MS) {
        this.entries.splice(this.entries.indexOf(same), 1);
        entry.times = (same.times ?? 1) + 1;
      }
      const after = this.entries.findIndex(other => other.t <= entry.t);
      this.entries.splice(after < 0 ? this.entries.length : after, 0, entry);
      const like = this.entries.filter(other => other.kind === entry.kind);
      if (like.length > MOST_OF[entry.kind]) this.entries.splice(this.entries.indexOf(like.at(-1)), 1);
      this.entries.length = Math.min(this.entries.length, KEPT);
    }

    // Breakers that opened before the page did.
    recall(times, dispatcher) {
      dispatcher.handlers.forEach(handler => {
        const circuit = handler.track.of("circuit");
        const changes = [...circuit.keys()].filter(
          i => i > 0 && circuit[i] != null && circuit[i - 1] != null && circuit[i] !== circuit[i - 1],
        );
        // The last one is told in words.
        if (handler.last.circuit_ago_s != null) changes.pop();
        for (const i of changes.slice(-KEPT)) {
          this.add({
            t: times[i],
            kind: "breaker",
            handler: handler.name,
            text: `went from ${words.circuit(circuit[i - 1])} to ${words.circuit(circuit[i])}`,
          });
        }
      });
    }

    observe(t, told) {
      const before = this.known;
      const now = { t, state: told.state, admission: gist(told.admission), handlers: new Map() };
      if (before && before.state !== now.state) {
        this.add({
          t,
          kind: "dispatcher",
          text: `went from ${before.state.replace("-", " ")} to ${now.state.replace("-", " ")}`,
        });
      }
      if (before?.admission !== now.admission) this.add({ t, kind: "regulator", text: told.admission });
      for (const handler of told.handlers) {
        const known = before?.handlers.get(handler.name);
        if (before && handler.handlers > 0 && !known?.here)
          this.add({ t, kind: "joined", handler: handler.name, text: "joined" });
        if (known?.here && handler.handlers === 0) this.add({ t, kind: "left", handler: handler.name, text: "left" });
        const since = t - before?.t;
        this.#decided(t, "limit", handler.name, handler.limit_why, handler.limit_ago_s, known?.limit, since);
        this.#decided(t, "breaker", handler.name, handler.circuit_why, handler.circuit_ago_s, known?.circuit, since);
        now.handlers.set(handler.name, {
          here: handler.handlers > 0,
          limit: handler.limit_ago_s,
          circuit: handler.circuit_ago_s,
        });
      }
      before?.handlers.forEach((known, name) => {
        if (known.here && !now.handlers.has(name)) this.add({ t, kind: "left", handler: name, text: "left" });
      });
      this.known = now;
    }

    // It is another decision if it was made less long ago than the last one known, or since that was told: by a little
    // more than that, as both times are rounded.
    #decided(t, kind, handler, text, ago, knownAgo, since) {
      if (ago == null || (knownAgo != null && ago >= knownAgo && ago * 1000 >= 0.95 * since)) return;
      this.add({ t: t - ago * 1000, kind, handler, text });
    }

    copy() {
      const copy = new Log();
      copy.entries = this.entries.slice();
      return copy;
    }
  }

  const KINDS = {
    limit: "throttle",
    breaker: "breaker",
    regulator: "regulator",
    dispatcher: "dispatcher",
    joined: "handler",
    left: "handler",
  };

  return { Log, kind: entry => KINDS[entry.kind] };
})();
