"use strict";

// The table of handlers: sorted, filtered, and one of them chosen.
const table = (() => {
  const SEVERITY = { bad: 0, warning: 1, good: 2, none: 3 };
  const now = (key, title, label, format) => ({ title, label, format, value: ({ last }) => last.now[key] });
  const COLUMNS = [
    { label: "Handler", title: "name", value: ({ name }) => name, text: true },
    {
      label: "State",
      title: "what it does now",
      value: handler => `${SEVERITY[words.doing(handler).level]}${words.doing(handler).short}`,
      text: true,
    },
    now("limit", "how many works it gets at the same time at most", "Limit", words.number),
    now("in_flight", "works it has now", "In flight", words.number),
    {
      label: "Stuck",
      title: "of these, the ones the breaker does not wait for any more",
      value: ({ last }) => last.stuck,
      format: words.number,
    },
    now("completed", "attempts that succeeded", "Completed", words.rate),
    now("failed", "attempts that failed", "Failed", words.rate),
    now("timed_out", "attempts that were not answered in time", "Timed out", words.rate),
    now("retried", "attempts with works that had failed or timed out before", "Retried", words.rate),
    now("hedged", "attempts with copies of works that are at other handlers", "Hedged", words.rate),
    now("cancelled", "attempts given up since nobody wanted the answer any more", "Cancelled", words.rate),
    now("process_p50_ms", "median of the process times of the last second", "p50", words.millis),
    now("process_p99_ms", "99 of 100 were faster in the last second", "p99", words.millis),
    {
      label: "Breaker",
      title: "what the circuit breaker lets through",
      value: ({ last }) => last.now.circuit,
      format: words.circuit,
    },
    {
      label: "Openings",
      title: "how often the breaker has opened",
      value: ({ last }) => last.circuit_opened,
      format: words.number,
    },
  ];

  class Table {
    constructor(place, onChoice) {
      this.onChoice = onChoice;
      this.sort = { column: 0, down: false };
      this.filter = "";
      this.rows = new Map();
      const head = place.createTHead().insertRow();
      this.heads = COLUMNS.map(({ label, title, text }, i) => {
        const cell = head.appendChild(document.createElement("th"));
        cell.scope = "col";
        if (text) cell.className = "text";
        const button = cell.appendChild(document.createElement("button"));
        Object.assign(button, { type: "button", textContent: label, title });
        button.addEventListener("click", () => this.sortBy(i));
        return cell;
      });
      this.body = place.createTBody();
      this.body.addEventListener("click", event => {
        const row = event.target.closest("tr");
        if (row) this.onChoice(row.handlerName);
      });
      this.show(null);
    }

    sortBy(column) {
      // Numbers are sought for the highest, names from the start.
      this.sort = { column, down: this.sort.column === column ? !this.sort.down : !COLUMNS[column].text };
      this.show(this.view, true);
    }

    filterBy(text) {
      this.filter = text.trim().toLowerCase();
      this.show(this.view, true);
    }

    // How many there are and how many of them are shown.
    show(view, reorder = false) {
      this.view = view;
      this.heads.forEach((cell, i) => {
        const sorted = i === this.sort.column ? (this.sort.down ? "descending" : "ascending") : "none";
        if (cell.getAttribute("aria-sort") !== sorted) cell.setAttribute("aria-sort", sorted);
      });
      if (!view) return { all: 0, shown: 0 };
      const all = [...view.dispatcher.handlers.values()];
      const shown = all.filter(({ name }) => name.toLowerCase().includes(this.filter));
      const { value } = COLUMNS[this.sort.column];
      const sign = this.sort.down ? -1 : 1;
      const by = new Map(shown.map(handler => [handler, value(handler)]));
      shown.sort((a, b) => {
        const [x, y] = [by.get(a), by.get(b)];
        if (x == null || y == null) return (x == null) - (y == null) || words.order(a.name, b.name);
        return sign * (typeof x === "string" ? words.order(x, y) : x - y) || words.order(a.name, b.name);
      });
      const rows = shown.map(handler => this.row(handler, view.handler === handler));
      const same = rows.length === this.body.rows.length && rows.every(row => row.parentNode === this.body);
      // No row runs away from under the pointer.
      const held = same && !reorder && this.body.matches(":hover, :focus-within");
      if ((!held && rows.some((row, i) => this.body.rows[i] !== row)) || !same) this.body.replaceChildren(...rows);
      for (const name of this.rows.keys()) if (!view.dispatcher.handlers.has(name)) this.rows.delete(name);
      return { all: all.length, shown: shown.length };
    }

    row(handler, chosen) {
      let row = this.rows.get(handler.name);
      if (!row) {
        row = document.createElement("tr");
        row.handlerName = handler.name;
        const name = row.appendChild(document.createElement("th"));
        name.scope = "row";
        const button = name.appendChild(document.createElement("button"));
        Object.assign(button, { type: "button", textContent: handler.name, title: handler.name });
        const state = row.insertCell();
        state.className = "text";
        row.badge = state.appendChild(document.createElement("span"));
        row.badge.className = "badge small";
        row.values = COLUMNS.slice(2).map(() => row.insertCell().appendChild(document.createTextNode("")));
        this.rows.set(handler.name, row);
      }
      const { level, short } = words.doing(handler);
      if (row.badge.dataset.level !== level) row.badge.dataset.level = level;
      set(row.badge, short);
      COLUMNS.slice(2).forEach((column, i) => {
        const value = handler.here ? column.value(handler) : null;
        const text = column.format(value);
        if (row.values[i].data === text) return;
        row.values[i].data = text;
        row.values[i].parentNode.classList.toggle("zero", !value);
      });
      row.classList.toggle("gone", !handler.here);
      row.classList.toggle("chosen", chosen);
      row.querySelector("button").setAttribute("aria-pressed", String(chosen));
      return row;
    }
  }

  // Writing what is there already would cost a layout.
  function set(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  return { Table, set };
})();
