"use strict";

// What is known of the dispatchers over the last minutes: one history, then a tick each second. It knows nothing of the page.
const model = (() => {
  // Columns of numbers, each as long as the model's times; null where there was nothing.
  class Track {
    constructor(length) {
      this.length = length;
      this.series = {};
    }

    of(key) {
      return (this.series[key] ??= new Array(this.length).fill(null));
    }

    has(key) {
      return key in this.series;
    }

    push(now) {
      Object.keys(now).forEach(key => this.of(key));
      for (const [key, column] of Object.entries(this.series)) column.push(now[key] ?? null);
      this.length += 1;
    }

    forget(count) {
      for (const column of Object.values(this.series)) column.splice(0, count);
      this.length -= count;
    }

    copy() {
      const copy = new Track(this.length);
      for (const [key, column] of Object.entries(this.series)) copy.series[key] = column.slice();
      return copy;
    }

    static of(series, length) {
      const track = new Track(length);
      Object.assign(track.series, series);
      return track;
    }
  }

  class Handler {
    constructor(name, track) {
      this.name = name;
      this.track = track;
      this.last = {
        handlers: 0,
        now: {},
        stuck: 0,
        circuit_opened: 0,
        limit_why: "",
        limit_ago_s: null,
        circuit_why: "",
        circuit_ago_s: null,
      };
      this.seen = 0;
      this.gone = true;
    }

    // Whether it takes works: one that has left is told of for some time.
    get here() {
      return !this.gone && this.last.handlers > 0;
    }

    copy() {
      return Object.assign(new Handler(this.name, this.track.copy()), {
        last: this.last,
        seen: this.seen,
        gone: this.gone,
      });
    }
  }

  class Dispatcher {
    constructor(id, name, track) {
      this.id = id;
      this.name = name;
      this.track = track;
      this.last = { state: "", now: {}, rejected_by: {}, totals: {}, admission: "", handlers: [] };
      this.seen = 0;
      this.gone = true;
      this.handlers = new Map();
    }

    copy() {
      const copy = Object.assign(new Dispatcher(this.id, this.name, this.track.copy()), {
        last: this.last,
        seen: this.seen,
        gone: this.gone,
      });
      this.handlers.forEach((handler, name) => copy.handlers.set(name, handler.copy()));
      return copy;
    }
  }

  class Model {
    constructor() {
      this.version = "";
      this.clear();
    }

    clear() {
      this.boot = null;
      this.sequence = -1;
      this.interval = 1000;
      this.kept = 600;
      this.times = [];
      this.dispatchers = new Map();
      // How many the server does not tell of, as there are too many.
      this.leftOff = { dispatchers: 0, handlers: 0 };
    }

    get newest() {
      return this.times.at(-1);
    }

    // Takes the place of all that was known. Says whether it is of another run of the server.
    history(data, id) {
      const { boot, sequence } = read(id);
      const other = this.boot !== null && this.boot !== boot;
      this.clear();
      Object.assign(this, {
        boot,
        sequence,
        version: data.version,
        interval: data.interval_ms,
        kept: data.kept,
        times: data.t,
      });
      for (const { id, name, series, handlers } of data.dispatchers) {
        const dispatcher = new Dispatcher(id, name, Track.of(series, this.times.length));
        for (const handler of handlers)
          dispatcher.handlers.set(handler.name, new Handler(handler.name, Track.of(handler.series, this.times.length)));
        dispatcher.seen = this.times[dispatcher.track.of("received").findLastIndex(value => value != null)] ?? 0;
        this.dispatchers.set(id, dispatcher);
      }
      if (data.tick) this.#add(data.tick);
      return other;
    }

    // Says whether it is news: one that is known already, after a reconnect, is not.
    tick(data, id) {
      const { boot, sequence } = read(id);
      if (boot === this.boot && sequence <= this.sequence) return false;
      if (boot !== this.boot) this.clear();
      Object.assign(this, { boot, sequence });
      this.#add(data);
      return true;
    }

    #add(tick) {
      const isNew = !(this.newest >= tick.t);
      if (isNew) {
        // Where nothing was told for a while nothing is drawn, instead of a line across.
        if (tick.t - this.newest > 2.5 * this.interval) this.#column(this.newest + this.interval, []);
        this.#column(tick.t, tick.dispatchers);
      }
      this.dispatchers.forEach(dispatcher => {
        dispatcher.gone = true;
        dispatcher.handlers.forEach(handler => {
          handler.gone = true;
        });
      });
      this.leftOff = { dispatchers: 0, handlers: 0, ...tick.left_off };
      for (const told of tick.dispatchers) {
        const dispatcher = this.#dispatcher(told);
        Object.assign(dispatcher, { name: told.name, last: told, seen: tick.t, gone: false });
        for (const of of told.handlers)
          Object.assign(this.#handler(dispatcher, of), { last: of, seen: tick.t, gone: false });
      }
      this.#forget();
    }

    #column(t, told) {
      const byId = new Map(told.map(dispatcher => [dispatcher.id, dispatcher]));
      // Those that are new get nulls for the time before.
      for (const now of told) {
        const dispatcher = this.#dispatcher(now);
        now.handlers.forEach(handler => this.#handler(dispatcher, handler));
      }
      this.times.push(t);
      this.dispatchers.forEach(dispatcher => {
        const now = byId.get(dispatcher.id);
        const handlers = new Map(now?.handlers.map(handler => [handler.name, handler.now]));
        dispatcher.track.push(now?.now ?? {});
        dispatcher.handlers.forEach(handler => handler.track.push(handlers.get(handler.name) ?? {}));
      });
    }

    #dispatcher({ id, name }) {
      if (!this.dispatchers.has(id)) this.dispatchers.set(id, new Dispatcher(id, name, new Track(this.times.length)));
      return this.dispatchers.get(id);
    }

    #handler(dispatcher, { name }) {
      if (!dispatcher.handlers.has(name))
        dispatcher.handlers.set(name, new Handler(name, new Track(this.times.length)));
      return dispatcher.handlers.get(name);
    }

    #forget() {
      const oldest = this.newest - (this.kept - 1) * this.interval - this.interval / 2;
      const old = this.times.findIndex(t => t >= oldest);
      if (old > 0) {
        this.times.splice(0, old);
        this.dispatchers.forEach(dispatcher => {
          dispatcher.track.forget(old);
          dispatcher.handlers.forEach(handler => handler.track.forget(old));
        });
      }
      const runOut = ({ gone, track }) =>
        gone && Object.values(track.series).every(column => column.every(value => value == null));
      this.dispatchers.forEach((dispatcher, id) => {
        if (runOut(dispatcher)) this.dispatchers.delete(id);
        dispatcher.handlers.forEach((handler, name) => {
          if (runOut(handler)) dispatcher.handlers.delete(name);
        });
      });
    }

    copy() {
      const copy = Object.assign(new Model(), {
        boot: this.boot,
        sequence: this.sequence,
        version: this.version,
        interval: this.interval,
        kept: this.kept,
        times: this.times.slice(),
        leftOff: this.leftOff,
      });
      this.dispatchers.forEach((dispatcher, id) => copy.dispatchers.set(id, dispatcher.copy()));
      return copy;
    }
  }

  function read(id) {
    const dash = id.lastIndexOf("-");
    return { boot: id.slice(0, dash), sequence: Number(id.slice(dash + 1)) };
  }

  return { Model };
})();
