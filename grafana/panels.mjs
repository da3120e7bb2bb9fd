// What both dashboards show: one panel each, with the queries that Prometheus and Graphite answer it with.

// ## Prometheus

const OF_DISPATCHER = 'job=~"$namespace", instance=~"$host", dispatcher=~"$dispatcher"';
const OF_HANDLER = `${OF_DISPATCHER}, handler=~"$handler"`;

const rate = (name, by, labels = OF_DISPATCHER) => `sum${by} (rate(${name}{${labels}}[$__rate_interval]))`;
const total = (name) => rate(name, "");
const perDispatcher = (name) => rate(name, " by (dispatcher)");
const perHandler = (name, more = "") => rate(name, " by (dispatcher, handler)", OF_HANDLER + more);
const attempts = (outcome) => perHandler("kanaloa_handler_attempts_total", `, outcome="${outcome}"`);
const gauge = (how, name) => `${how} by (dispatcher) (${name}{${OF_DISPATCHER}})`;
const handlerGauge = (how, name, more = "") => `${how} by (dispatcher, handler) (${name}{${OF_HANDLER}${more}})`;
const quantile = (share, buckets) => `histogram_quantile(${share}, ${buckets})`;
const waits = (by) => rate("kanaloa_wait_time_seconds_bucket", ` by (le${by})`);
const processTimes = rate("kanaloa_handler_process_time_seconds_bucket", " by (le, dispatcher, handler)", OF_HANDLER);
const DISPATCHER = "{{dispatcher}}";
const HANDLER = "{{dispatcher}} {{handler}}";

const prom = (expr, legendFormat) => ({ expr, legendFormat });

// ## Graphite

const AT_DISPATCHER = "$namespace.$dispatcher.$host";
const AT_HANDLER = `${AT_DISPATCHER}.$handler`;

/** What StatsD calls a rate, and how many nodes there are behind the counter's name. */
export const LAYOUTS = {
  legacy: { rate: (name) => `stats.${name}`, after: 0 },
  new: { rate: (name) => `stats.counters.${name}.rate`, after: 1 },
};

const alias = (series, name) => `alias(${series}, '${name}')`;
// Nodes are counted from the end, since a namespace may have several parts.
const byDispatcher = (how, series, after = 0) => `groupByNode(${series}, ${-4 - after}, '${how}')`;
const byHandler = (how, series, after = 0) => `groupByNodes(${series}, '${how}', ${-5 - after}, ${-3 - after})`;
const named = (series, what) => `aliasSub(${series}, '$', ' ${what}')`;
const highest = (series) => `consolidateBy(${series}, 'max')`;
const gauges = (how, name) => highest(byDispatcher(how, `stats.gauges.${AT_DISPATCHER}.${name}`));
const handlerGauges = (how, name) => highest(byHandler(how, `stats.gauges.${AT_HANDLER}.${name}`));
const times = (figure) => byDispatcher("max", `stats.timers.${AT_DISPATCHER}.queue.waitTime.${figure}`, 1);
const handlerTimes = (figure) => byHandler("max", `stats.timers.${AT_HANDLER}.work.processTime.${figure}`, 1);

// ## Panels

const stat = (title, unit, description, queries, look = {}) => ({ kind: "stat", title, unit, description, ...queries, ...look });
const chart = (title, unit, description, queries, look = {}) => ({ kind: "timeseries", title, unit, description, ...queries, ...look });

const REASONS = [
  ["over capacity", "over_capacity", "overCapacity"],
  ["waited too long", "waited_too_long", "waitedTooLong"],
  ["queue full", "queue_full", "queueFull"],
  ["deadline cannot be met", "deadline_cannot_be_met", "deadlineCannotBeMet"],
  ["no handlers", "no_handlers", "noHandlers"],
  ["shutting down", "shutting_down", "shuttingDown"],
];

export const rows = ({ rate: rateOf, after }) => {
  const sum = (name) => `sumSeries(${rateOf(`${AT_DISPATCHER}.${name}`)})`;
  const rates = (name) => byDispatcher("sum", rateOf(`${AT_DISPATCHER}.${name}`), after);
  const handlerRates = (name) => byHandler("sum", rateOf(`${AT_HANDLER}.${name}`), after);
  return [
    {
      title: "At a glance",
      height: 4,
      panels: [
        stat("Inbound", "reqps", "Works that arrive in a second, whatever becomes of them.", {
          prometheus: [prom(total("kanaloa_works_received_total"), "received")],
          graphite: [alias(sum("work.received"), "received")],
        }),
        stat("Goodput", "reqps", "Works that are answered with success in a second. What it is all about: under overload it should stay where it was before.", {
          prometheus: [prom(total("kanaloa_works_completed_total"), "completed")],
          graphite: [alias(sum("work.completed"), "completed")],
        }, { color: "green" }),
        stat("Refused", "percentunit", "The share of works that are not handed to a handler, those shed from the queue included. Above zero: more arrives than handlers can carry, or there are none; rejections by reason say which.", {
          prometheus: [prom(`${total("kanaloa_works_rejected_total")} / clamp_min(${total("kanaloa_works_received_total")}, 1e-9)`, "refused")],
          graphite: [alias(`divideSeries(${sum("work.rejected")}, ${sum("work.received")})`, "refused")],
        }, { steps: [["green", null], ["orange", 0.01], ["red", 0.2]] }),
        stat("Expected wait", "ms", "How long a work that arrives now is expected to wait, at the dispatcher where that is longest. From reference-delay on, works are refused.", {
          prometheus: [prom(`1000 * max(kanaloa_expected_wait_seconds{${OF_DISPATCHER}})`, "expected wait")],
          graphite: [alias(`maxSeries(stats.gauges.${AT_DISPATCHER}.queue.expectedWait)`, "expected wait")],
        }),
        stat("Wait, 99 of 100", "ms", "99 of 100 works that got to a handler had waited for it no longer than that.", {
          prometheus: [prom(`1000 * ${quantile(0.99, waits(""))}`, "99 of 100")],
          graphite: [alias(`maxSeries(stats.timers.${AT_DISPATCHER}.queue.waitTime.upper_99)`, "99 of 100")],
        }),
        stat("Breakers open", "short", "Handlers whose circuit breaker is not closed: they have failed or timed out so often that they are left alone for a while.", {
          prometheus: [prom(`sum(kanaloa_handler_circuit_state{${OF_HANDLER}, state=~"open|half_open"})`, "open")],
          graphite: [alias(`sumSeries(stats.gauges.${AT_HANDLER}.worker.circuitBreakerOpened)`, "open")],
        }, { steps: [["green", null], ["red", 1]], decimals: 0 }),
      ],
    },
    {
      title: "Inbound",
      height: 9,
      panels: [
        chart("Inbound by outcome", "reqps", "What becomes of the works that arrive; stacked, they add up to what was received, but for those that are still on their way. Look for green that shrinks while the rest grows: that is goodput lost to overload. Refused works cost next to nothing, timed out ones the most.", {
          prometheus: [
            prom(total("kanaloa_works_completed_total"), "completed"),
            prom(total("kanaloa_works_failed_total"), "failed"),
            prom(total("kanaloa_works_timed_out_total"), "timed out"),
            prom(`clamp_min(${total("kanaloa_works_rejected_total")} - ${total("kanaloa_works_shed_total")}, 0)`, "refused at once"),
            prom(total("kanaloa_works_shed_total"), "shed from the queue"),
            prom(total("kanaloa_works_abandoned_total"), "abandoned by the caller"),
          ],
          graphite: [
            alias(sum("work.completed"), "completed"),
            alias(sum("work.failed"), "failed"),
            alias(sum("work.timedOut"), "timed out"),
            alias(`diffSeries(${sum("work.rejected")}, ${sum("work.shedded")})`, "refused at once"),
            alias(sum("work.shedded"), "shed from the queue"),
            alias(sum("work.abandoned"), "abandoned by the caller"),
          ],
        }, { stacked: true, colors: { completed: "green", failed: "red", "timed out": "purple", "refused at once": "orange", "shed from the queue": "yellow", "abandoned by the caller": "blue" } }),
        chart("Inbound by dispatcher", "reqps", "Works that arrive at each dispatcher in a second.", {
          prometheus: [prom(perDispatcher("kanaloa_works_received_total"), DISPATCHER)],
          graphite: [rates("work.received")],
        }),
        chart("Rejected by reason", "reqps", "Why works are refused. Over capacity: more arrives than handlers can carry, and refusing is right. Waited too long: a burst has filled the queue. Queue full: queue.capacity is reached. Deadline cannot be met: callers give too little time. No handlers: services are down. Shutting down: this process ends.", {
          prometheus: REASONS.map(([words, label]) => prom(rate("kanaloa_works_rejected_total", "", `${OF_DISPATCHER}, reason="${label}"`), words)),
          graphite: REASONS.map(([words, , name]) => alias(sum(`work.rejectedBy.${name}`), words)),
        }, { stacked: true }),
      ],
    },
    {
      title: "Queue",
      height: 8,
      panels: [
        chart("Queue length", "short", "Works that wait for a handler. Short and up and down is right; long and steady is a queue that only adds to every wait.", {
          prometheus: [
            prom(gauge("sum", "kanaloa_queue_length"), DISPATCHER),
            prom(gauge("sum", "kanaloa_works_in_flight"), `${DISPATCHER} at a handler`),
          ],
          graphite: [gauges("sum", "queue.length")],
        }),
        chart("Wait time", "ms", "How long works had waited when they got to a handler: half of them, 9 of 10, 99 of 100. With back-pressure on, the highest stays near reference-delay whatever arrives.", {
          prometheus: [["0.5", "half"], ["0.9", "9 of 10"], ["0.99", "99 of 100"]].map(([share, words]) =>
            prom(`1000 * ${quantile(share, waits(", dispatcher"))}`, `${DISPATCHER} ${words}`)),
          graphite: [["median", "half"], ["upper_90", "9 of 10"], ["upper_99", "99 of 100"]].map(([figure, words]) =>
            named(times(figure), words)),
        }),
        chart("Expected wait", "ms", "How long a work that arrives now is expected to wait: queue length by the speed at which it is emptied. It decides on refusals, before anybody has waited.", {
          prometheus: [prom(`1000 * ${gauge("max", "kanaloa_expected_wait_seconds")}`, DISPATCHER)],
          graphite: [gauges("max", "queue.expectedWait")],
        }),
        chart("Drop rate", "percentunit", "The share of works that back-pressure refuses at the door. It should settle where inbound less what is dropped is what handlers can carry; if it swings, its gains are too high.", {
          prometheus: [prom(gauge("max", "kanaloa_drop_ratio"), DISPATCHER)],
          graphite: [gauges("max", "queue.dropRate")],
        }, { max: 1 }),
        chart("Burst mode", "bool_on_off", "On while traffic above capacity is let through unrefused, for as long as duration-of-burst-allowed says. On again and again: traffic comes in bursts; a longer allowance trades waits for refusals.", {
          prometheus: [prom(gauge("max", "kanaloa_burst_mode"), DISPATCHER)],
          graphite: [gauges("max", "queue.burstMode")],
        }, { max: 1, steps: true }),
      ],
    },
    {
      title: "Handlers",
      height: 8,
      panels: [
        chart("Throughput", "reqps", "Answers with success of each handler in a second. One that is far below its like is slow or ill.", {
          prometheus: [prom(attempts("completed"), HANDLER)],
          graphite: [handlerRates("work.completed")],
        }),
        chart("Failures", "reqps", "Attempts that failed at a handler, and those that it did not answer in time. Enough of them open its circuit breaker.", {
          prometheus: [prom(attempts("failed"), `${HANDLER} failed`), prom(attempts("timed_out"), `${HANDLER} timed out`)],
          graphite: [named(handlerRates("work.failed"), "failed"), named(handlerRates("work.timedOut"), "timed out")],
        }),
        chart("Process time", "ms", "How long handlers took for what they answered with success: half of the answers, and 99 of 100. If it grows with the pool, the limit is above what the service can do at once.", {
          prometheus: [["0.5", "half"], ["0.99", "99 of 100"]].map(([share, words]) =>
            prom(`1000 * ${quantile(share, processTimes)}`, `${HANDLER} ${words}`)),
          graphite: [["median", "half"], ["upper_99", "99 of 100"]].map(([figure, words]) => named(handlerTimes(figure), words)),
        }),
        chart("Pool size", "short", "How many works a handler may have at once, as the throttle has found it, and how many it has. The limit finds its level within seconds; taken slots far below it mean that there is not more to do.", {
          prometheus: [
            prom(handlerGauge("sum", "kanaloa_handler_concurrency_limit"), `${HANDLER} limit`),
            prom(handlerGauge("sum", "kanaloa_handler_in_flight"), `${HANDLER} taken`),
          ],
          graphite: [named(handlerGauges("sum", "pool.size"), "limit"), named(handlerGauges("sum", "pool.utilized"), "taken")],
        }),
        {
          kind: "state-timeline",
          title: "Circuit breaker",
          description: "Closed is well. Open: the handler gets nothing, for longer each time. Half-open: one work at a time shows whether it is well again.",
          prometheus: [prom(
            `2 * ${handlerGauge("max", "kanaloa_handler_circuit_state", ', state="open"')}`
            + ` + ${handlerGauge("max", "kanaloa_handler_circuit_state", ', state="half_open"')}`
            + ` + 0 * ${handlerGauge("max", "kanaloa_handler_circuit_state", ', state="closed"')}`,
            HANDLER,
          )],
          graphite: [handlerGauges("max", "worker.circuitBreakerOpened")],
          states: {
            prometheus: [["0", "closed", "green"], ["1", "half-open", "yellow"], ["2", "open", "red"], ["3", "open", "red"]],
            graphite: [["0", "closed", "green"], ["1", "opened", "red"]],
          },
        },
        chart("Retries, hedges, cancelled", "reqps", "Further attempts at works that failed, second copies of works that took long, and attempts that were called off because another had answered or the caller had left. Many retries while failures are many make things worse; their budgets see to it that they stay few.", {
          prometheus: [
            prom(perHandler("kanaloa_handler_retries_total"), `${HANDLER} retried`),
            prom(perHandler("kanaloa_handler_hedges_total"), `${HANDLER} hedged`),
            prom(attempts("cancelled"), `${HANDLER} cancelled`),
          ],
          graphite: [
            named(handlerRates("work.retried"), "retried"),
            named(handlerRates("work.hedged"), "hedged"),
            named(handlerRates("work.cancelled"), "cancelled"),
          ],
        }),
        chart("Circuit breaker openings", "short", "How often a circuit breaker opened, in the time of one point. An opening that is too short to be seen in the states is seen here.", {
          prometheus: [prom(
            `sum by (dispatcher, handler) (increase(kanaloa_handler_circuit_openings_total{${OF_HANDLER}}[$__rate_interval]))`,
            HANDLER,
          )],
        }),
      ],
    },
  ];
};
