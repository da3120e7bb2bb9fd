// StatsD as the dashboard for Graphite wants it. All but the percentiles is what StatsD does by default; the names that it
// gives to Graphite are those of legacyNamespace.
{
  graphiteHost: "127.0.0.1",
  graphitePort: 2003,
  port: 8125,
  // As often as Graphite keeps a value: see storage-schemas.conf.
  flushInterval: 10000,
  percentThreshold: [90, 99],
  servers: [{ server: "./servers/udp", address: "0.0.0.0", port: 8125 }],
}
