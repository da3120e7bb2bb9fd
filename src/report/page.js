(() => {
  "use strict";
  const charts = JSON.parse(document.getElementById("data").textContent);
  const sections = [...document.querySelectorAll("section.chart")];
  const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const digits = value => value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) < 10 ? 1 : 0 });
  const FORMATS = {
    "number": digits,
    "percent": value => `${value > 0 && value < 1 ? +value.toPrecision(2) : digits(value)} %`,
    "milliseconds": value => value >= 999.5 ? `${+(value / 1000).toPrecision(3)} s` : `${+value.toPrecision(3)} ms`,
  };
  const seconds = value => `${+value.toFixed(1)} s`;

  const values = chart => chart.panels.flatMap(panel => shown(chart, panel).flat()).filter(value => value != null);

  // What is drawn of a panel, highest first when it is a stack: lower ones are painted over higher ones.
  function shown(chart, panel) {
    const lines = panel.series.map(series => series.values);
    if (chart.drawing !== "stack") return lines;
    let below = panel.x.map(() => 0);
    return lines.map(line => below = below.map((sum, i) => sum + (line[i] ?? 0))).reverse();
  }

  // The next of 1, 2, 5, 10, 20 … in either direction.
  const steps = decade => [1, 2, 5, 10].map(step => step * decade);
  const decade = value => 10 ** Math.floor(Math.log10(value));
  const up = value => steps(decade(value)).find(step => step >= value * 0.999);
  const down = value => steps(decade(value)).findLast(step => step <= value * 1.001);

  // The same for all panels of a chart, so that they can be compared.
  function yScale(chart) {
    const all = values(chart);
    const highest = all.reduce((a, b) => Math.max(a, b), 1);
    switch (chart.scale) {
      case "log": {
        const positive = all.filter(value => value > 0);
        const lowest = positive.reduce((a, b) => Math.min(a, b), highest);
        const top = up(highest * 1.1);
        return { distr: 3, range: [Math.min(down(lowest), top / 10), top] };
      }
      case "log-from-zero":
        return { distr: 100, fwd: Math.asinh, bwd: Math.sinh, range: [0, up(highest * 1.1)] };
      default:
        return { range: [0, highest * 1.08] };
    }
  }

  // 0, 1, 10, 100 …: a tick for each magnitude.
  function magnitudes(highest) {
    const ticks = [0];
    for (let tick = 1; tick <= highest; tick *= 10) ticks.push(tick);
    return ticks;
  }

  const isTime = chart => chart.across === "time";

  // The same for all panels of a chart.
  function xScale(chart) {
    if (isTime(chart)) return { time: false, range: [0, end(chart)] };
    const all = chart.panels.flatMap(panel => panel.x);
    return { time: false, distr: 3, range: [Math.min(...all), Math.max(...all)] };
  }

  // 1, 2, 5, 10, 20 … between two values.
  function ticks(lowest, highest) {
    const all = [];
    for (let from = decade(lowest); from <= highest; from *= 10) all.push(...[1, 2, 5].map(step => step * from));
    return all.filter(tick => tick >= lowest * 0.999 && tick <= highest * 1.001);
  }

  // Those that can be written below an axis of this width with no label over another: all, or those of 1, or of every second 1 …
  function apart(all, lowest, highest, width) {
    const x = tick => Math.log(tick / lowest) / Math.log(highest / lowest) * width;
    const letter = 8;
    const half = tick => FORMATS.milliseconds(tick).length * letter / 2;
    const fit = ticks => ticks.every((tick, i) => i === 0 || x(tick) - x(ticks[i - 1]) >= half(tick) + half(ticks[i - 1]));
    if (fit(all)) return all;
    const ones = all.filter(tick => Math.abs(Math.log10(tick) - Math.round(Math.log10(tick))) < 1e-6);
    let nth = 1;
    const every = () => ones.filter((_, i) => i % nth === 0);
    while (!fit(every())) nth++;
    return every();
  }

  // In halves of a second, so that all charts of a run end together, though their last instants differ a little.
  const end = chart => Math.ceil(chart.panels.flatMap(panel => panel.x).reduce((a, b) => Math.max(a, b), 1) * 2) / 2;

  function drawMarks(plot, marks) {
    const { left, top, width, height } = plot.bbox;
    plot.ctx.save();
    plot.ctx.strokeStyle = style("--soft");
    plot.ctx.lineWidth = devicePixelRatio;
    plot.ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    for (const mark of marks) {
      const x = Math.round(plot.valToPos(mark, "x", true));
      if (x <= left || x >= left + width) continue;
      plot.ctx.beginPath();
      plot.ctx.moveTo(x, top);
      plot.ctx.lineTo(x, top + height);
      plot.ctx.stroke();
    }
    plot.ctx.restore();
  }

  function options(chart, panel, width) {
    const format = FORMATS[chart.unit];
    const stack = chart.drawing === "stack";
    const drawn = stack ? [...panel.series].reverse() : panel.series;
    const axis = {
      stroke: style("--soft"), font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif",
      labelSize: 18, labelGap: 2, grid: { stroke: style("--grid"), width: 1 }, ticks: { stroke: style("--rule"), size: 5 },
    };
    const stepped = uPlot.paths.stepped({ align: 1 });
    return {
      width,
      height: width < 480 ? 210 : 250,
      scales: { x: xScale(chart), y: yScale(chart) },
      axes: [
        isTime(chart) ? { ...axis, size: 32, label: "seconds since the start" } : {
          ...axis, size: 32, label: "response time",
          // What the other axis leaves of the width.
          splits: (_, __, lowest, highest) => apart(ticks(lowest, highest), lowest, highest, width - 100),
          filter: (_, splits) => splits,
          values: (_, splits) => splits.map(FORMATS.milliseconds),
        },
        {
          ...axis, size: 60, label: chart.label,
          splits: chart.scale === "log-from-zero" ? (_, __, ___, highest) => magnitudes(highest) : undefined,
          filter: chart.scale === "log-from-zero" ? (_, splits) => splits : undefined,
          values: (_, splits) => splits.map(split => split == null ? "" : format(split)),
        },
      ],
      series: [
        { label: "at", value: (_, value) => value == null ? "" : (isTime(chart) ? seconds : FORMATS.milliseconds)(value) },
        ...drawn.map(series => ({
          label: series.label,
          stroke: style(`--${series.tone}`),
          fill: stack ? style(`--${series.tone}`) : undefined,
          width: stack ? 0 : 1.75,
          dash: series.dashed ? [5, 4] : undefined,
          paths: chart.drawing === "lines" ? undefined : stepped,
          points: { show: false },
          value: (_, value, __, i) => i == null || series.values[i] == null ? "" : format(series.values[i]),
        })),
      ],
      hooks: { draw: [plot => drawMarks(plot, panel.marks)] },
      cursor: { sync: { key: isTime(chart) ? `to ${end(chart)} s` : chart.across }, y: false, drag: { x: false, y: false }, points: { show: !stack } },
    };
  }

  let plots = [];

  function draw() {
    plots.forEach(({ plot }) => plot.destroy());
    plots = charts.flatMap((chart, i) => {
      const places = [...sections[i].querySelectorAll(".plot")];
      return chart.panels.map((panel, j) => {
        const place = places[j];
        const plot = new uPlot(options(chart, panel, place.clientWidth), [panel.x, ...shown(chart, panel)], place);
        return { place, plot, width: place.clientWidth };
      });
    });
  }

  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => {
    if (plots.some(({ place, width }) => place.clientWidth !== width)) draw();
  }).observe(document.body);
})();
