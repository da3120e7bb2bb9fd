"use strict";

// The page: what is shown of the model, what is chosen, and where the events come from.
const dashboard = (() => {
  const byId = id => document.getElementById(id);
  const { set } = table;
  const TABS = 8;
  const LOGS_SHOWN = 50;
  // Without a sign of life for this long, a connection is taken for dead.
  const SILENCE_MS = 10_000;
  // For so long a browser may try by itself, which then asks for what was missed only.
  const OUTAGE_MS = 30_000;
  const AGAIN_MS = 2_000;

  const live = new model.Model();
  const logs = new Map();
  let paused = null;
  let connection = { level: "none", short: "connecting…", words: "" };

  const shown = () => paused?.model ?? live;
  const logOf = id => (paused?.logs ?? logs).get(id);

  // ## What is chosen: kept in the address, so that a reload or a link shows the same.

  function choice() {
    const hash = new URLSearchParams(location.hash.slice(1));
    return { dispatcher: hash.get("dispatcher"), nth: Number(hash.get("nth") ?? 1), handler: hash.get("handler") };
  }

  function choose({ dispatcher, nth, handler }) {
    const hash = new URLSearchParams();
    if (dispatcher != null) hash.set("dispatcher", dispatcher);
    if (nth > 1) hash.set("nth", nth);
    if (handler != null) hash.set("handler", handler);
    history.replaceState(null, "", `#${hash}`);
    show();
  }

  // Several may have the same name; they are told apart by their order.
  function named() {
    const seen = new Map();
    return [...shown().dispatchers.values()].map(dispatcher => {
      const nth = (seen.get(dispatcher.name) ?? 0) + 1;
      seen.set(dispatcher.name, nth);
      return { dispatcher, nth, label: nth > 1 ? `${dispatcher.name} (${nth})` : dispatcher.name };
    });
  }

  function chosen() {
    const all = named();
    const wanted = choice();
    return (
      all.find(({ dispatcher, nth }) => dispatcher.name === wanted.dispatcher && nth === wanted.nth) ??
      all.find(({ dispatcher }) => !dispatcher.gone) ??
      all[0]
    );
  }

  const view = byId("view");
  const group = new charts.Group(byId("charts"));
  const handlers = new table.Table(byId("handlers"), name => {
    const { dispatcher, nth } = chosen();
    choose({ dispatcher: dispatcher.name, nth, handler: name === choice().handler ? null : name });
  });

  // ## What is shown

  function badge(place, { level, short }) {
    if (place.dataset.level !== level) place.dataset.level = level;
    set(place, short);
  }

  function show() {
    badge(byId("connection-badge"), paused ? { level: "none", short: "paused" } : connection);
    set(
      byId("connection-words"),
      paused ? `at ${words.time(shown().newest)}; collecting goes on. ${connection.words}` : connection.words,
    );
    const { version } = shown();
    set(byId("version"), version);
    const one = chosen();
    view.hidden = !one;
    view.classList.toggle("stale", connection.level === "bad" && !paused);
    notice(one);
    showTabs(one);
    if (!one) return;
    const handler = one.dispatcher.handlers.get(choice().handler) ?? null;
    showHealth(one);
    showHandlerChoice(one.dispatcher, handler);
    showTable(one.dispatcher, handler);
    showDecisions(one.dispatcher, handler);
    group.show({ times: shown().times, ...range(), dispatcher: one.dispatcher, handler });
  }

  function notice(one) {
    const { dispatchers, handlers } = shown().leftOff;
    const more = [
      [dispatchers, "dispatcher"],
      [handlers, "handler"],
    ]
      .filter(([n]) => n > 0)
      .map(([n, what]) => words.count(n, what));
    const text =
      !one && live.boot !== null
        ? "No dispatcher yet. One that starts is shown here by itself."
        : more.length > 0
          ? `There are too many to tell of: ${more.join(" and ")} more.`
          : "";
    byId("notice").classList.toggle("alone", !one);
    byId("notice").hidden = text === "";
    set(byId("notice"), text);
  }

  // At first no more than what there is, so that the first minute is not a sliver.
  function range() {
    const { times, newest, interval } = shown();
    const most = Number(byId("window").value) * 1000;
    const span = Math.min(most, Math.max(60_000, newest - times[0]));
    return { from: newest - span + interval, to: newest };
  }

  function showTabs(one) {
    const place = byId("dispatchers");
    const all = named();
    place.hidden = all.length < 2;
    if (all.length < 2) return;
    const go = index => {
      const { dispatcher, nth } = named()[index];
      choose({ dispatcher: dispatcher.name, nth, handler: null });
    };
    const asList = all.length > TABS;
    const looks = JSON.stringify(all.map(({ label }) => label));
    if (place.looks !== looks) {
      place.looks = looks;
      const select = document.createElement("select");
      select.setAttribute("aria-label", "Dispatcher");
      const children = all.map(({ label }, i) => {
        const child = document.createElement(asList ? "option" : "button");
        if (asList) child.value = String(i);
        else {
          child.type = "button";
          child.addEventListener("click", () => go(i));
          child.append(document.createElement("span"), document.createElement("i"));
          child.firstChild.textContent = label;
        }
        return child;
      });
      if (asList) {
        select.append(...children);
        select.addEventListener("change", () => go(Number(select.value)));
      }
      place.replaceChildren(...(asList ? [select] : children));
    }
    all.forEach(({ dispatcher, label }, i) => {
      const health = words.health(dispatcher);
      if (asList) {
        set(place.firstChild.options[i], `${label} – ${health.short}`);
        if (dispatcher === one.dispatcher) place.firstChild.selectedIndex = i;
      } else {
        const tab = place.children[i];
        tab.setAttribute("aria-current", String(dispatcher === one.dispatcher));
        tab.classList.toggle("gone", dispatcher.gone);
        tab.lastChild.className = "badge small";
        badge(tab.lastChild, health);
      }
    });
  }

  const worstOf = (dispatcher, key) =>
    [...dispatcher.handlers.values()]
      .filter(handler => handler.here)
      .reduce((worst, { last }) => (last.now[key] == null || last.now[key] < worst ? worst : last.now[key]), null);
  const sumOf = (dispatcher, key) =>
    [...dispatcher.handlers.values()]
      .filter(handler => handler.here)
      .reduce((sum, { last }) => (last.now[key] == null ? sum : (sum ?? 0) + last.now[key]), null);

  function showHealth({ dispatcher, label }) {
    const disconnected = connection.level === "bad" && !paused;
    const health = disconnected
      ? { level: "bad", short: "disconnected", long: `This is how it was at ${words.time(shown().newest)}.` }
      : words.health(dispatcher);
    set(byId("dispatcher-name"), label);
    badge(byId("health-badge"), health);
    set(byId("health-words"), health.long);
    const { now, totals, rejected_by: by = {} } = dispatcher.last;
    const figures = [
      ["in", words.rate(now.received)],
      ["answered", words.rate(now.completed)],
      ["refused", words.percent(words.refusedPercent(now))],
      ["p99 wait", words.millis(now.wait_p99_ms)],
      ["p99 process", words.millis(worstOf(dispatcher, "process_p99_ms"))],
      ["limit", words.number(sumOf(dispatcher, "limit"))],
      ["in flight", words.number(now.in_flight)],
      ["queued", words.number(now.queue)],
    ];
    const place = byId("figures");
    if (place.children.length === 0) {
      for (const [name] of figures) {
        const figure = place.appendChild(document.createElement("div"));
        figure.appendChild(document.createElement("dt")).textContent = name;
        figure.appendChild(document.createElement("dd"));
      }
    }
    figures.forEach(([, value], i) => set(place.children[i].lastChild, dispatcher.gone ? words.NOTHING : value));
    const reasons = Object.entries(by).map(([name, rate]) => `${words.reason(name)} ${words.rate(rate)}`);
    if (now.shed > 0) reasons.push(`shed from the queue ${words.rate(now.shed)}`);
    const sums = [
      ["received", totals.received],
      ["completed", totals.completed],
      ["failed", totals.failed],
      ["timed out", totals.timed_out],
      ["rejected", totals.rejected],
      ["of these shed", totals.shed],
      ["abandoned", totals.abandoned],
    ]
      .filter(([, value]) => value > 0)
      .map(([name, value]) => `${words.number(value)} ${name}`);
    set(
      byId("reasons"),
      [
        reasons.length > 0 ? `Refused now: ${reasons.join(", ")}.` : "",
        sums.length > 0 ? `Since the start: ${sums.join(", ")}.` : "",
      ]
        .filter(Boolean)
        .join(" "),
    );
    announce(`${label}: ${health.short}`);
    document.title = `${health.level === "good" ? "" : "▲ "}${label}: ${health.short} – Kanaloa`;
  }

  // For those who hear the page: a state, when it has changed.
  function announce(text) {
    set(byId("announcement"), text);
  }

  function showHandlerChoice(dispatcher, handler) {
    const select = byId("handler");
    const names = [...dispatcher.handlers.keys()].sort(words.order);
    const looks = JSON.stringify([dispatcher.id, names]);
    if (select.looks !== looks) {
      select.looks = looks;
      select.replaceChildren(new Option("all", ""), ...names.map(name => new Option(name, `=${name}`)));
    }
    const value = handler ? `=${handler.name}` : "";
    if (select.value !== value) select.value = value;
  }

  function showTable(dispatcher, handler) {
    const { all, shown: some } = handlers.show({ dispatcher, handler });
    byId("filter-label").hidden = all < 6 && byId("filter").value === "";
    set(
      byId("handlers-note"),
      all === 0
        ? "No handlers."
        : some < all
          ? `${some} of ${words.count(all, "handler")}`
          : all > 1
            ? "A click on a row shows that handler in the charts."
            : "",
    );
  }

  const DECIDED_LAST = 4;
  const nameOf = name => Object.assign(document.createElement("b"), { className: "of", textContent: name });

  function showDecisions(dispatcher, handler) {
    const at = dispatcher.seen;
    const told = [...dispatcher.handlers.values()].filter(other => other.here);
    const recent = key => (a, b) =>
      (a.last[key] ?? Infinity) - (b.last[key] ?? Infinity) || words.order(a.name, b.name);
    const pick = key =>
      handler
        ? [handler].filter(({ last }) => last[key.replace("ago_s", "why")] !== "")
        : told
            .filter(({ last }) => last[key] != null)
            .sort(recent(key))
            .slice(0, DECIDED_LAST);
    const lines = (key, why, none) => {
      const picked = pick(key);
      if (picked.length === 0) return [[none, ""]];
      return picked.map(({ name, last }) => [
        last[why],
        last[key] == null ? "" : words.ago(last[key]),
        handler ? null : name,
      ]);
    };
    const all = [
      ["Regulator", "what is let in", [[dispatcher.last.admission, ""]]],
      [
        "Throttle",
        handler ? handler.name : "concurrency limits",
        lines("limit_ago_s", "limit_why", "No limit has changed yet."),
      ],
      [
        "Circuit breaker",
        handler ? handler.name : "per handler",
        lines("circuit_ago_s", "circuit_why", told.length > 0 ? "All closed since the start." : "No handlers."),
      ],
    ];
    byId("decisions").replaceChildren(
      ...all.map(([name, about, lines]) => {
        const box = document.createElement("div");
        const term = box.appendChild(document.createElement("dt"));
        term.append(name, " ");
        term.appendChild(document.createElement("small")).textContent = about;
        for (const [text, ago, of] of lines) {
          const line = box.appendChild(document.createElement("dd"));
          if (of != null) line.append(nameOf(of), " ");
          line.append(text, " ");
          line.appendChild(document.createElement("small")).textContent = ago;
        }
        return box;
      }),
    );
    set(
      byId("decisions-note"),
      !handler && told.length > DECIDED_LAST
        ? `Of each, the ${DECIDED_LAST} latest; choose a handler to see its own.`
        : "",
    );
    showLog(dispatcher, handler);
  }

  function showLog(dispatcher, handler) {
    const entries = (logOf(dispatcher.id)?.entries ?? [])
      .filter(entry => !handler || entry.handler == null || entry.handler === handler.name)
      .slice(0, LOGS_SHOWN);
    const place = byId("log");
    const looks = JSON.stringify(entries);
    if (place.looks === looks) return;
    place.looks = looks;
    place.replaceChildren(
      ...entries.map(entry => {
        const item = document.createElement("li");
        const cell = (tag, className, text) =>
          Object.assign(item.appendChild(document.createElement(tag)), { className, textContent: text });
        cell("time", "", words.time(entry.t)).dateTime = new Date(entry.t).toISOString();
        cell("span", `kind ${entry.kind}`, decisions.kind(entry));
        const text = cell("span", "text", "");
        if (entry.handler != null) text.append(nameOf(entry.handler));
        text.append(`${entry.handler != null ? " " : ""}${entry.text}`);
        if (entry.times > 1)
          text.appendChild(document.createElement("small")).textContent = ` and ${entry.times - 1} before`;
        return item;
      }),
    );
  }

  // ## When it is shown: never while it is paused or nobody looks, and at most once a frame.

  let asked = false;
  function update() {
    if (paused || document.hidden || asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      if (!paused) show();
    });
  }

  function pause() {
    paused = paused ? null : { model: live.copy(), logs: new Map([...logs].map(([id, log]) => [id, log.copy()])) };
    byId("pause").setAttribute("aria-pressed", String(paused !== null));
    byId("pause").textContent = paused ? "Go on" : "Pause";
    show();
  }

  byId("pause").addEventListener("click", () => live.newest && pause());
  byId("window").addEventListener("change", show);
  byId("handler").addEventListener("change", event => {
    const { dispatcher, nth } = chosen();
    choose({
      dispatcher: dispatcher.name,
      nth,
      handler: event.target.value === "" ? null : event.target.value.slice(1),
    });
  });
  byId("filter").addEventListener("input", event => {
    handlers.filterBy(event.target.value);
    show();
  });
  addEventListener("hashchange", show);
  document.addEventListener("visibilitychange", update);

  // ## Where the events come from

  let source;
  let alive = performance.now();
  // Whether the browser tries by itself.
  let retrying = false;

  function connected(level, short, text = "") {
    connection = { level, short, words: text };
    if (level === "bad") announce(short);
    if (!document.hidden) show();
  }

  function open() {
    source?.close();
    source = new EventSource("events");
    alive = performance.now();
    retrying = false;
    const on = (name, take) =>
      source.addEventListener(name, event => {
        alive = performance.now();
        retrying = false;
        take(JSON.parse(event.data), event.lastEventId);
        if (connection.short !== "live") connected("good", "live");
        update();
      });
    on("history", (data, id) => {
      if (live.history(data, id)) {
        logs.clear();
        paused = null;
        byId("pause").setAttribute("aria-pressed", "false");
        byId("pause").textContent = "Pause";
      }
      observe(data.tick);
    });
    on("tick", (data, id) => {
      if (live.tick(data, id)) observe(data);
    });
    source.addEventListener("error", () => lost());
  }

  function lost() {
    connected(
      "bad",
      "reconnecting…",
      live.newest ? `Last heard of at ${words.time(live.newest)}.` : "No answer from the server.",
    );
    // A browser tries again by itself unless it was answered with an error.
    retrying = source.readyState === EventSource.CONNECTING;
    if (source.readyState === EventSource.CLOSED) setTimeout(open, AGAIN_MS);
  }

  setInterval(() => {
    const most = retrying ? OUTAGE_MS : Math.max(SILENCE_MS, 5 * live.interval);
    if (source.readyState === EventSource.CLOSED || performance.now() - alive <= most) return;
    connected("bad", "reconnecting…", `Nothing has come since ${live.newest ? words.time(live.newest) : "the start"}.`);
    open();
  }, 1000);

  function observe(tick) {
    for (const told of tick?.dispatchers ?? []) {
      let log = logs.get(told.id);
      if (!log) {
        logs.set(told.id, (log = new decisions.Log()));
        log.recall(live.times, live.dispatchers.get(told.id));
      }
      log.observe(tick.t, told);
    }
    for (const id of logs.keys()) if (!live.dispatchers.has(id)) logs.delete(id);
  }

  open();
  return { live, logs, group };
})();
