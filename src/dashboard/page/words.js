"use strict";

// Numbers and states as people read them.
const words = (() => {
  const NOTHING = "–";

  const digits = value =>
    value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0 });
  const or = format => value => (value == null ? NOTHING : format(value));

  const number = or(digits);
  // Beside a chart there is no room for more.
  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const rate = or(value => `${value < 9_999.5 ? digits(value) : compact.format(value)}/s`);
  const percent = or(value => `${value > 0 && value < 1 ? +value.toPrecision(2) : Math.round(value)} %`);
  const millis = or(value => {
    if (value >= 59_950) return `${+(value / 60_000).toPrecision(3)} min`;
    if (value > 0 && value < 0.1) return `${+(value * 1000).toPrecision(3)} µs`;
    return value >= 999.5 ? `${+(value / 1000).toPrecision(3)} s` : `${+value.toPrecision(3)} ms`;
  });
  const onOff = or(value => (value ? "on" : "off"));

  const clock = new Intl.DateTimeFormat(undefined, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  const shortClock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const time = t => clock.format(t);
  const minute = t => shortClock.format(t);

  function ago(seconds) {
    if (seconds < 1) return "just now";
    if (seconds < 99.5) return `${Math.round(seconds)} s ago`;
    if (seconds < 5_970) return `${Math.round(seconds / 60)} min ago`;
    return `${Math.round(seconds / 3600)} h ago`;
  }

  const count = (n, one, many = `${one}s`) => `${digits(n)} ${n === 1 ? one : many}`;

  // Names with numbers in them by their numbers.
  const order = new Intl.Collator("en", { numeric: true }).compare;

  const CIRCUIT = ["closed", "half-open", "open"];
  const circuit = or(value => CIRCUIT[value] ?? NOTHING);

  const REASONS = {
    over_capacity: "over capacity",
    waited_too_long: "waited too long",
    queue_full: "queue full",
    deadline_cannot_be_met: "deadline cannot be met",
    no_handlers: "no handlers",
    shutting_down: "shutting down",
  };
  const reason = name => REASONS[name] ?? name.replaceAll("_", " ");

  const refused = now => (now.rejected ?? 0) + (now.shed ?? 0);
  const failed = now => (now.failed ?? 0) + (now.timed_out ?? 0);
  const ended = now => (now.completed ?? 0) + (now.abandoned ?? 0) + failed(now) + refused(now);

  // Of what ended in this second, the share that was refused or shed.
  const refusedPercent = now => (ended(now) > 0 ? (100 * refused(now)) / ended(now) : null);

  // Of what was answered, or should have been, the share that failed or timed out.
  const failedPercent = now =>
    failed(now) > 0 ? (100 * failed(now)) / (failed(now) + (now.completed ?? 0)) : 0;

  // The last seconds together, so that a state is not another one each second.
  const LATELY = 5;
  const OVERLOADED_FROM = 1;
  const FAILING_FROM = 10;
  const OUTCOMES = ["completed", "failed", "timed_out", "abandoned", "rejected", "shed"];
  function lately({ track }) {
    const sum = key => (track.has(key) ? track.of(key).slice(-LATELY) : []).reduce((all, value) => all + (value ?? 0), 0);
    return Object.fromEntries(OUTCOMES.map(key => [key, sum(key)]));
  }

  // How a dispatcher is: a level, which is a colour and a sign, in a word or two and in a sentence.
  function health(dispatcher) {
    if (dispatcher.gone)
      return {
        level: "none",
        short: "gone",
        long: `It ended, or is not reported any more; last seen at ${time(dispatcher.seen)}.`,
      };
    const { state, now, totals } = dispatcher.last;
    switch (state) {
      case "starting":
        return { level: "none", short: "starting", long: "No handler has come yet; what arrives is queued." };
      case "no-handlers":
        return { level: "bad", short: "no handlers", long: "There is no handler, so everything is refused." };
      case "shutting-down":
        return { level: "none", short: "shutting down", long: "It finishes what it has, and takes nothing more." };
    }
    const handlers = [...dispatcher.handlers.values()].filter(handler => handler.here);
    const open = handlers.filter(handler => handler.last.now.circuit === 2).length;
    const trial = handlers.filter(handler => handler.last.now.circuit === 1).length;
    const last = lately(dispatcher);
    const [refused, wrong] = [refusedPercent(last) ?? 0, failedPercent(last)];
    // What is refused since no handler takes work is not too much.
    const isDown = handlers.length > 0 && open === handlers.length;
    const overloaded = !isDown && refused >= OVERLOADED_FROM;
    const failing = wrong >= FAILING_FROM;
    const sentences = [];
    if (open > 0) sentences.push(`The breaker of ${open} of ${count(handlers.length, "handler")} is open.`);
    if (trial > 0) sentences.push(`${count(trial, "handler")} on trial: the breaker is half-open.`);
    if (overloaded) sentences.push("More comes in than can be answered in time.");
    if (refused > 0) sentences.push(`Of the last ${LATELY} s, ${percent(refused)} was refused.`);
    if (wrong > 0) sentences.push(`Of what handlers did lately, ${percent(wrong)} failed or timed out.`);
    if (totals.received === 0) sentences.push("Nothing has come in yet.");
    if (sentences.length === 0)
      sentences.push(now.received > 0 ? "What comes in is answered." : "Nothing comes in at the moment.");
    const long = sentences.join(" ");
    if (open > 0) return { level: "bad", short: overloaded ? "breaker open, overloaded" : "breaker open", long };
    if (failing) return { level: "bad", short: overloaded ? "failing, overloaded" : "failing", long };
    if (overloaded) return { level: "warning", short: "overloaded", long };
    if (trial > 0) return { level: "warning", short: "breaker half-open", long };
    return { level: "good", short: totals.received === 0 ? "OK, no traffic yet" : "OK", long };
  }

  // What a handler does, and how much that matters.
  function doing(handler) {
    if (!handler.here) return { level: "none", short: "left" };
    const { now, stuck, handlers } = handler.last;
    const together = handlers > 1 ? ` (${handlers} handlers)` : "";
    if (now.circuit === 2) return { level: "bad", short: `breaker open${together}` };
    if (now.circuit === 1) return { level: "warning", short: `on trial${together}` };
    if (stuck > 0) return { level: "warning", short: `${stuck} stuck${together}` };
    const wrong = failedPercent(lately(handler));
    if (wrong >= FAILING_FROM) return { level: "bad", short: `${percent(wrong)} fails${together}` };
    if (now.limit > 0 && now.in_flight >= now.limit) return { level: "good", short: `at its limit${together}` };
    return { level: "good", short: `${now.in_flight > 0 ? "working" : "idle"}${together}` };
  }

  return {
    NOTHING,
    number,
    rate,
    percent,
    millis,
    onOff,
    time,
    minute,
    ago,
    count,
    order,
    circuit,
    reason,
    refusedPercent,
    health,
    doing,
  };
})();
