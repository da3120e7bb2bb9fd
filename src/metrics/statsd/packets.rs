//! Metrics as StatsD reads them: lines, and packets of lines.

use std::fmt::Write;
use std::time::Duration;

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

    /// How often something happened since it was told last.
    pub(super) fn count(&mut self, name: &str, count: u64) {
        self.line(format!("{name}:{count}|c"));
    }

    /// How much of something there is.
    pub(super) fn gauge(&mut self, name: &str, gauge: f64) {
        self.line(format!("{name}:{gauge}|g"));
    }

    /// How long something took. The times are this share of those there were.
    pub(super) fn times(&mut self, name: &str, times: &[Duration], share: f64) {
        for time in times {
            let mut line = format!("{name}:{}|ms", (time.as_secs_f64() * 1e6).round() / 1e3);
            if share < 1.0 {
                // Writing to a string does not fail.
                let _ = write!(line, "|@{share}");
            }
            self.line(line);
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
    use super::*;

    fn packed(multi: bool, size: usize, add: impl FnOnce(&mut Packets)) -> Vec<String> {
        let mut packets = Packets::new(multi, size);
        add(&mut packets);
        packets.finish()
    }

    fn one(add: impl FnOnce(&mut Packets)) -> String {
        packed(false, 64, add).concat()
    }

    fn times(micros: &[u64], share: f64) -> String {
        let times: Vec<_> = micros.iter().map(|n| Duration::from_micros(*n)).collect();
        packed(true, 64, |packets| packets.times("n", &times, share)).concat()
    }

    fn counts(multi: bool, size: usize, count: u64) -> Vec<String> {
        packed(multi, size, |packets| (1..=count).for_each(|n| packets.count("abc", n)))
    }

    #[test]
    fn each_kind_is_written_as_statsd_reads_it() {
        assert_eq!(one(|packets| packets.count("n", 12)), "n:12|c");
        assert_eq!(one(|packets| packets.count("n", u64::MAX)), "n:18446744073709551615|c");
        assert_eq!(one(|packets| packets.gauge("n", 7.0)), "n:7|g");
        assert_eq!(one(|packets| packets.gauge("n", 0.625)), "n:0.625|g");
        // Never with an exponent, which not everybody reads.
        assert_eq!(one(|packets| packets.gauge("n", 1e-7)), "n:0.0000001|g");
        assert_eq!(times(&[1_234_567], 1.0), "n:1234.567|ms");
        assert_eq!(times(&[12_000], 0.25), "n:12|ms|@0.25");
        assert_eq!(times(&[1, 0], 0.5), "n:0.001|ms|@0.5\nn:0|ms|@0.5");
    }

    #[test]
    fn a_packet_is_filled_to_its_size_and_no_further() {
        // Each line has 7 bytes, and there is one between two.
        assert_eq!(counts(true, 23, 3), ["abc:1|c\nabc:2|c\nabc:3|c"]);
        assert_eq!(counts(true, 22, 3), ["abc:1|c\nabc:2|c", "abc:3|c"]);
        assert_eq!(counts(true, 15, 3), ["abc:1|c\nabc:2|c", "abc:3|c"]);
        assert_eq!(counts(true, 14, 3), ["abc:1|c", "abc:2|c", "abc:3|c"]);
    }

    #[test]
    fn without_multi_metrics_each_goes_alone() {
        assert_eq!(counts(false, 1024, 2), ["abc:1|c", "abc:2|c"]);
        assert_eq!(packed(true, 1024, |_| {}), Vec::<String>::new());
    }

    #[test]
    fn a_line_that_is_longer_goes_alone_and_one_that_cannot_be_sent_stays() {
        let (long, too_long) = ("x".repeat(100), "y".repeat(LONGEST_LINE));
        let packets = packed(true, 64, |packets| {
            for (name, count) in [("a", 1), (&*long, 2), (&*too_long, 3)] {
                packets.count(name, count);
            }
        });
        assert_eq!(packets, ["a:1|c".to_string(), format!("{long}:2|c")]);
    }
}
