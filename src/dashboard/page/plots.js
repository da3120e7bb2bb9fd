"use strict";

// What all charts have.
const plots = (() => {
  const HEIGHT = 170;
  const AXIS = 52;
  const PADDING = 10;
  // Seconds between the times that are written below.
  const TIME_STEPS = [5, 10, 15, 30, 60, 120, 180, 300, 600, 1800, 3600];
  const FONT = "11px system-ui, sans-serif";
  const style = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const element = (tag, className, text) =>
    Object.assign(
      document.createElement(tag),
      className ? { className } : {},
      text == null ? {} : { textContent: text },
    );

  // The last one is left off where the edge would cut it.
  function times(plot, splits, _, __, step) {
    const word = step >= 60 ? words.minute : words.time;
    const half = step >= 60 ? 16 : 24;
    return splits.map(t => (plot.valToPos(t, "x") + half > plot.over.clientWidth + PADDING ? "" : word(t * 1000)));
  }

  const ruler = document.createElement("canvas").getContext("2d");

  function cut(name, width) {
    ruler.font = FONT;
    if (ruler.measureText(name).width <= width) return name;
    const letters = [...name].slice(0, Math.ceil(width));
    while (letters.length > 1 && ruler.measureText(`${letters.join("")}…`).width > width) letters.pop();
    return `${letters.join("")}…`;
  }

  // An axis with a name for each lane, from the top.
  function namesAxis(names, width) {
    const size = Math.min(150, width * 0.3);
    return {
      size,
      grid: { show: false },
      splits: () => names.map((_, i) => names.length - i - 0.5),
      filter: (_, splits) => splits,
      values: () => names.map(name => cut(name, size - 10)),
    };
  }

  // A heading, a plot that can be pointed at and walked with keys, and a legend with values.
  class Chart {
    constructor(group, title) {
      this.group = group;
      this.figure = element("figure");
      this.caption = this.figure.appendChild(element("figcaption"));
      this.moment = element("span", "moment soft");
      this.caption.append(element("div"), this.moment);
      this.caption.firstChild.append(element("h3", null, title), " ", (this.about = element("span", "soft")));
      this.place = this.figure.appendChild(element("div", "plot"));
      this.place.tabIndex = 0;
      this.place.setAttribute("role", "group");
      this.place.setAttribute("aria-label", `${title}: chart over time; the values are in the list after it`);
      this.place.addEventListener("keydown", event => group.key(event));
      this.place.addEventListener(
        "mousemove",
        () => {
          group.pinned = null;
        },
        true,
      );
      this.legend = this.figure.appendChild(element("ul", "legend"));
      this.plot = null;
      this.drawnAs = null;
      this.hidden = new Set();
    }

    // As wide as its place: what a plot is made anew for.
    options(height, axes) {
      const group = this.group;
      const axis = {
        stroke: style("soft"),
        font: FONT,
        grid: { stroke: style("grid"), width: 1 },
        ticks: { show: false },
      };
      return {
        width: this.place.clientWidth,
        height,
        legend: { show: false },
        padding: [8, PADDING, 0, 0],
        cursor: { sync: { key: "all" }, y: false, drag: { x: false, y: false }, points: { size: 6 } },
        axes: [
          { ...axis, size: 22, gap: 4, space: 60, incrs: TIME_STEPS, values: times },
          { ...axis, size: AXIS, gap: 6, ...axes },
        ],
        hooks: { setCursor: [plot => group.pointed(plot)] },
      };
    }

    remake(options, data) {
      this.plot?.destroy();
      this.place.replaceChildren();
      this.plot = new uPlot(options, data, this.place);
      this.over = false;
    }

    forget() {
      this.drawnAs = null;
    }
  }

  return { HEIGHT, style, element, namesAxis, Chart };
})();
