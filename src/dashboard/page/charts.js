"use strict";

// The charts of a dispatcher. They share their time axis and their cursor.
const charts = (() => {
  const { HEIGHT, style, element, namesAxis, Chart } = plots;

  // The handlers of which limit and slots in use are drawn while none is chosen.
  const BUSIEST = 4;

  const handlersOf = view => (view.handler ? [view.handler] : [...view.dispatcher.handlers.values()]);
  const sum = column => column.reduce((all, value) => all + (value ?? 0), 0);

  function worst(view, key) {
    const columns = handlersOf(view).map(handler => handler.track.of(key));
    if (columns.length === 1) return columns[0];
    return view.times.map((_, i) =>
      columns.reduce((worst, column) => (column[i] == null || column[i] < worst ? worst : column[i]), null),
    );
  }

  const line = (key, label, tone, more) => ({ label, tone, ...more, values: view => view.dispatcher.track.of(key) });
  const percentiles = values => [
    { label: "p50", tone: "part-0", values: view => values(view, "p50") },
    { label: "p95", tone: "part-3", values: view => values(view, "p95") },
    { label: "p99", tone: "part-1", values: view => values(view, "p99") },
  ];

  function slots(view) {
    const of = ({ track }, lane) => {
      const [limit, busy] = [track.of("limit").slice(), track.of("in_flight").slice()];
      return [
        { label: "limit", tone: "part-1", step: true, values: () => limit },
        { label: "in flight", tone: "part-0", step: true, filled: true, values: () => busy },
      ].map((line, i) => (lane == null ? line : { ...line, lane, quiet: i === 0, pair: limit }));
    };
    if (!lanes(view))
      return [...view.dispatcher.handlers.values()]
        .filter(handler => handler === (view.handler ?? handler))
        .flatMap(handler => of(handler));
    return view.busiest.flatMap((handler, lane) =>
      of(handler, lane).map(line => ({ ...line, label: `${handler.name}${line.quiet ? " limit" : ""}` })),
    );
  }

  // Handlers above each other: lines of several in one another's way cannot be followed.
  const lanes = view => (!view.handler && view.busiest.length > 1 ? view.busiest.map(({ name }) => name) : null);

  const aboutHandler = view =>
    view.handler ? view.handler.name : view.dispatcher.handlers.size > 1 ? "the slowest handler of each second" : "";

  const SPECS = [
    {
      title: "Inbound by outcome",
      about: () => "stacked",
      format: words.rate,
      stack: true,
      lines: () => [
        line("completed", "completed", "good"),
        line("failed", "failed", "bad"),
        line("timed_out", "timed out", "part-5"),
        line("rejected", "rejected", "warning"),
        line("shed", "shed", "part-3"),
        line("abandoned", "abandoned", "neutral"),
      ],
    },
    {
      title: "Throughput",
      about: () => "per second",
      format: words.rate,
      lines: () => [line("received", "received", "main"), line("completed", "completed", "good", { filled: true })],
    },
    {
      title: "Queue length",
      about: () => "works waiting",
      format: words.number,
      lines: () => [line("queue", "queued", "part-0", { filled: true, step: true })],
    },
    {
      title: "Wait time",
      about: () => "from receipt to the first handler",
      format: words.millis,
      lines: () => percentiles((view, p) => view.dispatcher.track.of(`wait_${p}_ms`)),
    },
    {
      title: "Process time",
      about: aboutHandler,
      format: words.millis,
      lines: () => percentiles((view, p) => worst(view, `process_${p}_ms`)),
    },
    {
      title: "Limit and in flight",
      format: words.number,
      lines: slots,
      lanes,
      about: view =>
        view.handler?.name ?? (view.dispatcher.handlers.size > BUSIEST ? `the ${BUSIEST} busiest handlers` : ""),
    },
    {
      title: "Drop rate",
      about: () => "the share refused at the door",
      format: words.percent,
      top: 100,
      lines: () => [
        {
          label: "drop rate",
          tone: "bad",
          filled: true,
          values: view => view.dispatcher.track.of("drop_rate").map(value => (value == null ? null : value * 100)),
        },
        {
          label: "burst",
          tone: "warning",
          shade: true,
          format: words.onOff,
          values: view => view.dispatcher.track.of("burst"),
        },
      ],
    },
  ];

  // The next higher of these numbers times a power of ten: an axis that changes with every tick is not read.
  const STEPS = [1, 1.5, 2, 3, 4, 5, 6, 8, 10];
  function roundUp(value) {
    const decade = 10 ** Math.floor(Math.log10(value));
    return STEPS.find(step => step * decade >= value * 0.9999) * decade;
  }

  // Each above the sum of those before it; null where none has a value.
  function stacked(columns) {
    let below = columns[0].map(() => null);
    return columns.map(column => (below = below.map((sum, i) => (column[i] == null ? sum : (sum ?? 0) + column[i]))));
  }

  // The share of a lane's height that is drawn on.
  const LANE = 0.85;

  class LineChart extends Chart {
    constructor(group, spec) {
      super(group, spec.title);
      this.spec = spec;
    }

    draw(view) {
      const { spec } = this;
      this.about.textContent = spec.about(view);
      this.lines = spec
        .lines(view)
        .map(line => ({ ...line, format: line.format ?? spec.format, column: line.values(view).slice() }));
      const shown = this.lines.filter(line => !line.shade && !this.hidden.has(line.label));
      const columns = shown.map(line => line.column);
      // Lower ones of a stack are painted over higher ones.
      const data = [
        view.times.map(t => t / 1000),
        ...(spec.stack && columns.length > 0 ? stacked(columns).reverse() : columns),
      ];
      this.range = [view.from / 1000, view.to / 1000];
      this.lanes = spec.lanes?.(view) ?? null;
      if (this.lanes) this.lay(shown, data);
      const looks = JSON.stringify(
        this.lines
          .map(({ label, tone, filled }) => [label, tone, filled, this.hidden.has(label)])
          .concat(this.lanes, this.place.clientWidth),
      );
      if (looks === this.drawnAs) {
        this.plot.setData(data);
      } else {
        this.drawnAs = looks;
        this.remake(this.options(spec.stack ? [...shown].reverse() : shown), data);
        this.relist();
      }
    }

    // Into lanes of the same scale.
    lay(shown, data) {
      const highest = shown.reduce(
        (all, { column }) => column.reduce((highest, value) => (value > highest ? value : highest), all),
        1,
      );
      this.about.textContent = [
        this.spec.about(this.group.view),
        `in flight below limit, 0 to ${words.number(highest)}`,
      ]
        .filter(Boolean)
        .join(": ");
      shown.forEach(({ column, lane }, i) => {
        data[i + 1] = column.map(value =>
          value == null ? null : this.lanes.length - 1 - lane + (LANE * value) / highest,
        );
      });
    }

    options(shown) {
      const { spec, lanes } = this;
      const options = super.options(
        HEIGHT,
        lanes
          ? namesAxis(lanes, this.place.clientWidth)
          : {
              space: 30,
              values: (_, splits) => splits.map(split => (split == null ? "" : spec.format(split))),
            },
      );
      const top = highest =>
        lanes?.length ??
        spec.top ??
        Math.max(roundUp(Math.max(highest ?? 0, 1e-9) * 1.05), spec.format === words.millis ? 1 : 5);
      options.scales = {
        x: { time: true, range: () => this.range },
        y: { range: (_, __, highest) => [0, top(highest)] },
      };
      const stepped = uPlot.paths.stepped({ align: 1 });
      options.series = [
        {},
        ...shown.map(({ tone, filled, lane, step }) => ({
          stroke: style(tone),
          width: spec.stack ? 0 : lanes ? 1 : 1.5,
          fillTo: lanes ? lanes.length - 1 - lane : 0,
          paths: step || spec.stack ? stepped : undefined,
          fill: spec.stack ? style(tone) : filled ? `${style(tone)}2e` : undefined,
          points: { show: false },
        })),
      ];
      options.cursor.points.show = !spec.stack && !lanes;
      options.hooks.drawClear = [plot => this.shade(plot)];
      return options;
    }

    // Behind the lines, where a state holds.
    shade(plot) {
      const {
        ctx,
        bbox,
        data: [times],
      } = plot;
      for (const { tone, column, label } of this.lines.filter(line => line.shade && !this.hidden.has(line.label))) {
        ctx.fillStyle = `${style(tone)}59`;
        column.forEach((on, i) => {
          if (!on) return;
          const left = Math.max(plot.valToPos(times[i], "x", true), bbox.left);
          const right = Math.min(plot.valToPos(times[i + 1] ?? times[i] + 1, "x", true), bbox.left + bbox.width);
          if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
        });
      }
    }

    relist() {
      this.values = this.lines.map(line => {
        if (line.quiet) return null;
        const item = element("li");
        const button = item.appendChild(element("button"));
        button.type = "button";
        button.setAttribute("aria-pressed", String(!this.hidden.has(line.label)));
        const mark = button.appendChild(element("i", line.shade ? "shade" : ""));
        mark.style.setProperty("--tone", `var(--${line.tone})`);
        button.append(element("span", "name", line.label));
        button.addEventListener("click", () => {
          if (!this.hidden.delete(line.label)) this.hidden.add(line.label);
          this.group.draw();
          this.values[this.lines.findIndex(({ label }) => label === line.label)]?.item.firstChild.focus();
        });
        const value = item.appendChild(element("b"));
        return { item, value };
      });
      this.legend.replaceChildren(...this.values.filter(Boolean).map(({ item }) => item));
    }

    tell(i, moment) {
      this.moment.textContent = moment;
      this.lines.forEach(({ format, column, pair, quiet }, n) => {
        if (quiet) return;
        const value = format(column.at(i));
        this.values[n].value.textContent = pair ? `${value} of ${format(pair.at(i))}` : value;
      });
    }
  }

  class Group {
    constructor(place) {
      this.all = [...SPECS.map(spec => new LineChart(this, spec)), new strips.Strips(this)];
      place.replaceChildren(...this.all.map(chart => chart.figure));
      this.view = null;
      // What is pointed at: an index while it is a mouse that points, and a time while it is keys.
      this.index = null;
      this.pinned = null;
      this.busiest = [];
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
      new ResizeObserver(() => this.draw()).observe(place);
    }

    show(view) {
      this.view = view;
      this.choose();
      this.draw();
    }

    // Those that did most over the time shown. They change seldom, or nobody could follow a line.
    choose() {
      const { dispatcher, times } = this.view;
      const known = this.busiest.filter(name => dispatcher.handlers.has(name));
      const wanted = Math.min(BUSIEST, dispatcher.handlers.size);
      const stale = !(times.at(-1) - this.chosenAt < 30_000);
      if (stale || known.length < wanted || this.chosenOf !== dispatcher.id) {
        const work = new Map(
          [...dispatcher.handlers].map(([name, { track }]) => [
            name,
            sum(track.of("in_flight")) + sum(track.of("completed")),
          ]),
        );
        this.busiest = [...work.keys()]
          .sort((a, b) => work.get(b) - work.get(a))
          .slice(0, BUSIEST)
          .sort(words.order);
        this.chosenAt = times.at(-1);
        this.chosenOf = dispatcher.id;
      }
      this.view.busiest = this.busiest.map(name => dispatcher.handlers.get(name));
    }

    draw() {
      if (!this.view || this.all[0].place.clientWidth === 0) return;
      this.all.forEach(chart => chart.draw(this.view));
      if (this.pinned != null && this.pinned < this.view.from) this.point(null);
      else if (this.pinned != null) this.point(this.pinned);
      else this.tell();
    }

    redraw() {
      this.all.forEach(chart => chart.forget());
      this.draw();
    }

    // The newest values, or those at the cursor.
    tell() {
      const { times } = this.view;
      const i = this.index ?? times.length - 1;
      const moment = times[i] == null ? "" : this.index == null ? "now" : words.time(times[i]);
      this.all.forEach(chart => chart.tell(i, moment));
    }

    pointed(plot) {
      const index = plot.cursor.idx ?? null;
      if (this.pinned != null) return;
      if (index === this.index || !this.all.every(chart => chart.plot && chart.values)) return;
      this.index = index;
      this.tell();
    }

    key(event) {
      const { times, from } = this.view;
      const first = Math.max(
        times.findIndex(t => t >= from),
        0,
      );
      const last = times.length - 1;
      const now = this.index ?? last;
      const to = {
        ArrowLeft: now - 1,
        ArrowRight: now + 1,
        PageUp: now - 30,
        PageDown: now + 30,
        Home: first,
        End: last,
      }[event.key];
      if (event.key === "Escape") this.point(null);
      if (to === undefined) return;
      event.preventDefault();
      this.point(times[Math.min(Math.max(to, first), last)]);
    }

    point(t) {
      this.pinned = t;
      const { times, from, to } = this.view;
      for (const { plot } of this.all) {
        const left = t == null ? -10 : ((plot.bbox.width / devicePixelRatio) * (t - from)) / (to - from);
        plot.setCursor({ left, top: t == null ? -10 : 1 }, true, false);
      }
      this.index = t == null ? null : times.findLastIndex(other => other <= t);
      this.tell();
    }
  }

  return { Group };
})();
