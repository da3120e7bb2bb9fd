//! What metrics are called.

use crate::dispatcher::RejectionReason;
use crate::metrics::MetricName;

/// What StatsD calls a metric; `None` for one that it is not told.
///
/// The names are those of the original, as far as it had them.
pub(super) fn of(name: MetricName) -> Option<&'static str> {
    Some(match name {
        MetricName::Received => "work.received",
        MetricName::Completed | MetricName::HandlerCompleted => "work.completed",
        MetricName::Failed | MetricName::HandlerFailed => "work.failed",
        MetricName::TimedOut | MetricName::HandlerTimedOut => "work.timedOut",
        MetricName::Rejected => "work.rejected",
        MetricName::RejectedBecause(reason) => match reason {
            RejectionReason::OverCapacity => "work.rejectedBy.overCapacity",
            RejectionReason::WaitedTooLong => "work.rejectedBy.waitedTooLong",
            RejectionReason::QueueFull => "work.rejectedBy.queueFull",
            RejectionReason::DeadlineCannotBeMet => "work.rejectedBy.deadlineCannotBeMet",
            RejectionReason::NoHandlers => "work.rejectedBy.noHandlers",
            RejectionReason::ShuttingDown => "work.rejectedBy.shuttingDown",
        },
        MetricName::Shed => "work.shedded",
        MetricName::Abandoned => "work.abandoned",
        MetricName::QueueLength => "queue.length",
        MetricName::DropRate => "queue.dropRate",
        MetricName::BurstMode => "queue.burstMode",
        MetricName::ExpectedWait => "queue.expectedWait",
        MetricName::WaitTime => "queue.waitTime",
        MetricName::HandlerCancelled => "work.cancelled",
        MetricName::HandlerRetried => "work.retried",
        MetricName::HandlerHedged => "work.hedged",
        MetricName::ProcessTime => "work.processTime",
        MetricName::ConcurrencyLimit => "pool.size",
        MetricName::Busy => "pool.utilized",
        MetricName::Circuit => "worker.circuitBreakerOpened",
        // The sum of pool.utilized, and what worker.circuitBreakerOpened shows.
        MetricName::InFlight | MetricName::CircuitOpened => return None,
    })
}

/// What metrics are called: `NAMESPACE.DISPATCHER.HOST.NAME`, or with a handler before the name.
#[derive(Debug)]
pub(super) struct Names {
    prefix: String,
}

impl Names {
    /// The dots of a namespace stand: it may have several parts.
    pub(super) fn new(namespace: &str, dispatcher: &str, host: &str) -> Self {
        let parts = namespace.split('.').filter(|part| !part.is_empty()).chain([dispatcher, host]);
        Names { prefix: parts.map(clean).collect::<Vec<_>>().join(".") }
    }

    /// `name` is what [`of`] says.
    pub(super) fn name(&self, handler: Option<&str>, name: &str) -> String {
        match handler {
            Some(handler) => format!("{}.{}.{name}", self.prefix, clean(handler)),
            None => format!("{}.{name}", self.prefix),
        }
    }
}

/// One part of a name. StatsD and what stands behind it give many characters a meaning, or drop them; what is no letter,
/// digit, `-` or `_` of ASCII becomes `_`.
fn clean(part: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if part.is_empty() {
        return "_".to_owned();
    }
    part.chars().map(|c| if is_safe(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_joined_by_dots() {
        let names = Names::new("kanaloa", "search", "web-1");
        assert_eq!(names.name(None, "queue.length"), "kanaloa.search.web-1.queue.length");
        assert_eq!(names.name(Some("a"), "pool.size"), "kanaloa.search.web-1.a.pool.size");
    }

    #[test]
    fn what_has_a_meaning_elsewhere_is_replaced() {
        assert_eq!(clean("web-1.shop.example"), "web-1_shop_example");
        assert_eq!(clean("a:b|c@d/e f\tg\nh#i;j=k,l"), "a_b_c_d_e_f_g_h_i_j_k_l");
        assert_eq!(clean("Straße 5 🌊"), "Stra_e_5__");
        assert_eq!(clean("AZ_az-09"), "AZ_az-09");
    }

    #[test]
    fn no_part_is_empty() {
        assert_eq!(Names::new("shop..eu.", "", "h").name(Some(""), "x"), "shop.eu._.h._.x");
        assert_eq!(Names::new("my shop|eu.1", "d", "h").name(None, "x"), "my_shop_eu.1.d.h.x");
    }
}
