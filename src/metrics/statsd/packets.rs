//! Metrics as StatsD reads them: lines, and packets of lines.

use std::fmt::Write;

use crate::metrics::Value;

/// The most that UDP carries; a line that is longer could not be sent at all.
const LONGEST_LINE: usize = 65_507;

/// Packs metrics into packets.
#[derive(Debug)]
pub(super) struct Packets {
    /// Whether a packet may carry several lines.
    multi: bool,
    /// Bytes that a packet has at most, unless one line alone has more.
    size: usize,
    full: Vec<String>,
    open: String,
}

impl Packets {
    pub(super) fn new(multi: bool, size: usize) -> Self {
        Packets { multi, size, full: Vec::new(), open: String::new() }
    }

    pub(super) fn add(&mut self, name: &str, value: &Value) {
        match value {
            Value::Count(count) => self.line(format!("{name}:{count}|c")),
            Value::Gauge(gauge) => self.line(format!("{name}:{gauge}|g")),
            Value::Times(samples) => {
                for time in &samples.times {
                    let mut line = format!("{name}:{}|ms", time.as_micros() as f64 / 1e3);
                    if samples.rate < 1.0 {
                        // Writing to a string does not fail.
                        let _ = write!(line, "|@{}", samples.rate);
                    }
                    self.line(line);
                }
            }
        }
    }

    fn line(&mut self, line: String) {
        if line.len() > LONGEST_LINE {
            return;
        }
        if self.open.is_empty() {
            self.open = line;
        } else if self.multi && self.open.len() + 1 + line.len() <= self.size {
            self.open.push('\n');
            self.open.push_str(&line);
        } else {
            self.full.push(std::mem::replace(&mut self.open, line));
        }
    }

    pub(super) fn finish(mut self) -> Vec<String> {
        if !self.open.is_empty() {
            self.full.push(self.open);
        }
        self.full
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::Samples;

    fn packed(multi: bool, size: usize, metrics: &[(&str, Value)]) -> Vec<String> {
        let mut packets = Packets::new(multi, size);
        metrics.iter().for_each(|(name, value)| packets.add(name, value));
        packets.finish()
    }

    fn line(value: Value) -> String {
        packed(false, 64, &[("n", value)]).concat()
    }

    fn times(micros: &[u64], rate: f64) -> Value {
        Value::Times(Samples { times: micros.iter().map(|n| Duration::from_micros(*n)).collect(), rate })
    }

    #[test]
    fn each_kind_is_written_as_statsd_reads_it() {
        assert_eq!(line(Value::Count(12)), "n:12|c");
        assert_eq!(line(Value::Count(u64::MAX)), "n:18446744073709551615|c");
        assert_eq!(line(Value::Gauge(7.0)), "n:7|g");
        assert_eq!(line(Value::Gauge(0.625)), "n:0.625|g");
        // Never with an exponent, which not everybody reads.
        assert_eq!(line(Value::Gauge(1e-7)), "n:0.0000001|g");
        assert_eq!(line(times(&[1_234_567], 1.0)), "n:1234.567|ms");
        assert_eq!(line(times(&[12_000], 0.25)), "n:12|ms|@0.25");
        assert_eq!(packed(true, 64, &[("n", times(&[1, 0], 0.5))]), ["n:0.001|ms|@0.5\nn:0|ms|@0.5"]);
    }

    #[test]
    fn a_packet_is_filled_to_its_size_and_no_further() {
        let lines = [("abc", Value::Count(1)), ("abc", Value::Count(2)), ("abc", Value::Count(3))];
        // Each line has 7 bytes, and there is one between two.
        assert_eq!(packed(true, 23, &lines), ["abc:1|c\nabc:2|c\nabc:3|c"]);
        assert_eq!(packed(true, 22, &lines), ["abc:1|c\nabc:2|c", "abc:3|c"]);
        assert_eq!(packed(true, 15, &lines), ["abc:1|c\nabc:2|c", "abc:3|c"]);
        assert_eq!(packed(true, 14, &lines), ["abc:1|c", "abc:2|c", "abc:3|c"]);
    }

    #[test]
    fn without_multi_metrics_each_goes_alone() {
        let lines = [("a", Value::Count(1)), ("b", Value::Gauge(2.0))];
        assert_eq!(packed(false, 1024, &lines), ["a:1|c", "b:2|g"]);
        assert_eq!(packed(true, 1024, &[]), Vec::<String>::new());
    }

    #[test]
    fn a_line_that_is_longer_goes_alone_and_one_that_cannot_be_sent_stays() {
        let (long, too_long) = ("x".repeat(100), "y".repeat(LONGEST_LINE));
        let lines = [("a", Value::Count(1)), (&*long, Value::Count(2)), (&*too_long, Value::Count(3))];
        assert_eq!(packed(true, 64, &lines), ["a:1|c".to_string(), format!("{long}:2|c")]);
    }
}
