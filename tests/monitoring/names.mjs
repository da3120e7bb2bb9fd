// What Kanaloa reports, and which of it a dashboard shows.

export const STATSD = {
  counters: [
    "work.received", "work.completed", "work.failed", "work.timedOut", "work.rejected", "work.shedded", "work.abandoned",
    ...["overCapacity", "waitedTooLong", "queueFull", "deadlineCannotBeMet", "noHandlers", "shuttingDown"].map((reason) => `work.rejectedBy.${reason}`),
  ],
  gauges: ["queue.length", "queue.dropRate", "queue.burstMode", "queue.expectedWait"],
  timers: ["queue.waitTime"],
  handler: {
    counters: ["work.completed", "work.failed", "work.timedOut", "work.cancelled", "work.retried", "work.hedged"],
    gauges: ["pool.size", "pool.utilized", "worker.circuitBreakerOpened"],
    timers: ["work.processTime"],
  },
};

export const PROMETHEUS = {
  counters: [
    ...["received", "completed", "failed", "timed_out", "abandoned", "shed", "rejected"].map((what) => `kanaloa_works_${what}_total`),
    ...["attempts", "retries", "hedges", "circuit_openings"].map((what) => `kanaloa_handler_${what}_total`),
  ],
  gauges: [
    "kanaloa_queue_length", "kanaloa_works_in_flight", "kanaloa_drop_ratio", "kanaloa_burst_mode", "kanaloa_expected_wait_seconds",
    "kanaloa_handler_concurrency_limit", "kanaloa_handler_in_flight", "kanaloa_handler_circuit_state",
  ],
  histograms: ["kanaloa_wait_time_seconds", "kanaloa_handler_process_time_seconds"],
};

/** Each name that is reported, as a query has it. */
export function reported(backend) {
  if (backend === "prometheus") {
    return [...PROMETHEUS.counters, ...PROMETHEUS.gauges, ...PROMETHEUS.histograms.map((name) => `${name}_bucket`)];
  }
  const at = (prefix, { counters, gauges, timers }) => [
    ...counters.map((name) => `stats.${prefix}${name}`),
    ...gauges.map((name) => `stats.gauges.${prefix}${name}`),
    ...timers.map((name) => `stats.timers.${prefix}${name}`),
  ];
  const dispatcher = "$namespace.$dispatcher.$host.";
  return [...at(dispatcher, STATSD), ...at(`${dispatcher}$handler.`, STATSD.handler)];
}

/** Each name in a query. */
export function namesIn(backend, query) {
  if (backend === "prometheus") {
    return query.match(/\bkanaloa_\w+/g) ?? [];
  }
  const paths = query.match(/\bstats\.[\w$.]+/g) ?? [];
  return paths.map((path) => path.replace(/^(stats\.timers\..*)\.(median|upper_\d+)$/, "$1"));
}
