"use strict";

// The states of the circuit breakers over time.
const strips = (() => {
  const { HEIGHT, style, element, namesAxis, Chart } = plots;
  // How many handlers there is room for, and how many are shown at least, though none of them has opened.
  const STRIPS = 10;
  const FEW_STRIPS = 5;

  // A lane for each handler: a thin line while its breaker is closed, thicker while it is half-open, all of it while open.
  class Strips extends Chart {
    constructor(group) {
      super(group, "Circuit breakers");
      this.figure.classList.add("strips");
      this.rows = [];
    }

    draw(view) {
      const all = [...view.dispatcher.handlers.values()]
        .filter(handler => handler.track.of("circuit").some(state => state != null))
        .sort((a, b) => words.order(a.name, b.name));
      const opened = handler => handler.track.of("circuit").findLastIndex(state => state > 0);
      const troubled = all.filter(handler => opened(handler) >= 0).sort((a, b) => opened(b) - opened(a));
      const rest = all.filter(handler => opened(handler) < 0);
      const told =
        all.length <= STRIPS
          ? all
          : [...troubled.slice(0, STRIPS).sort((a, b) => words.order(a.name, b.name)), ...rest].slice(
              0,
              Math.min(STRIPS, Math.max(FEW_STRIPS, troubled.length)),
            );
      this.rows = (view.handler ? [view.handler] : told).map(({ name, track }) => ({
        name,
        states: track.of("circuit").slice(),
      }));
      const left = view.handler ? 0 : all.length - this.rows.length;
      const leftTroubled = view.handler ? 0 : Math.max(0, troubled.length - this.rows.length);
      this.about.textContent = view.handler
        ? view.handler.name
        : left > 0
          ? `${troubled.length > 0 ? "those that opened last, and " : ""}${words.count(left, "other")}, ${leftTroubled === 0 ? "closed all the time" : `${leftTroubled} of which opened, too`}`
          : all.length > 0 && troubled.length === 0
            ? "closed all the time"
            : "";
      this.range = [view.from / 1000, view.to / 1000];
      const times = view.times.map(t => t / 1000);
      const data = [times, times.map(() => null)];
      const looks = JSON.stringify([this.rows.map(({ name }) => name), this.place.clientWidth]);
      if (looks === this.drawnAs) {
        this.plot.setData(data);
      } else {
        this.drawnAs = looks;
        this.remake(this.options(), data);
        this.values = ["closed", "half-open", "open"].map(state => {
          const item = element("li");
          item.append(element("i", `circuit ${state}`), element("span", "name", state));
          const value = item.appendChild(element("b"));
          return { item, value };
        });
        this.legend.replaceChildren(...this.values.map(({ item }) => item));
      }
    }

    options() {
      const count = Math.max(this.rows.length, 1);
      const options = super.options(
        Math.max(HEIGHT, count * 20 + 30),
        namesAxis(
          this.rows.map(({ name }) => name),
          this.place.clientWidth,
        ),
      );
      options.scales = { x: { time: true, range: () => this.range }, y: { range: () => [0, count] } };
      options.series = [{}, { points: { show: false } }];
      options.cursor.points.show = false;
      options.hooks.draw = [plot => this.paint(plot)];
      return options;
    }

    paint(plot) {
      const {
        ctx,
        bbox,
        data: [times],
      } = plot;
      const row = bbox.height / Math.max(this.rows.length, 1);
      const height = Math.min(row, 36 * devicePixelRatio);
      const LOOKS = [
        { tone: style("good"), share: 0.12 },
        { tone: style("warning"), share: 0.45 },
        { tone: style("bad"), share: 0.8 },
      ];
      const end = Math.min(bbox.left + bbox.width, Math.ceil(plot.valToPos(times.at(-1) ?? 0, "x", true)));
      ctx.save();
      this.rows.forEach(({ states }, n) => {
        const middle = bbox.top + row * (n + 0.5);
        let from = 0;
        states.forEach((state, i) => {
          if (states[i + 1] === state && i + 1 < states.length) return;
          if (state != null) {
            const left = Math.max(plot.valToPos(times[from], "x", true), bbox.left);
            const right = i + 1 < states.length ? plot.valToPos(times[i + 1], "x", true) : end;
            const { tone, share } = LOOKS[state];
            ctx.fillStyle = tone;
            if (right > left) ctx.fillRect(left, middle - (height * share) / 2, right - left, height * share);
          }
          from = i + 1;
        });
      });
      ctx.restore();
    }

    tell(i, moment) {
      this.moment.textContent = moment;
      const states = this.rows.map(({ states }) => states.at(i));
      this.values.forEach(({ value }, state) => {
        value.textContent = words.number(states.filter(other => other === state).length);
      });
    }
  }

  return { Strips };
})();
