//! The comparison as a page: what is drawn, in which words and units.

use std::time::Duration;

use super::comparison::Comparison;
use super::observation::Outcome;
use super::plan::{GOOD_WITHIN, PATIENCE, SERVICE_TIME};
use super::run::{Measured, Side};
use super::sample::Sample;
use super::timeline::{Bucket, buckets};
use crate::report::text::{rate, time};
use crate::report::{Across, Axis, Chart, Drawing, Page, Panel, Scale, Series, Tone, Unit};

/// Those that make up a column, from the bottom up.
const STACK: [(&str, Tone, &[Outcome]); 4] = [
    ("good", Tone::Good, &[Outcome::Good]),
    ("late", Tone::Warning, &[Outcome::Late]),
    ("failed", Tone::Bad, &[Outcome::TimedOut, Outcome::Failed]),
    ("rejected", Tone::Neutral, &[Outcome::Rejected]),
];

/// The page of a comparison.
pub(crate) fn page(comparison: &Comparison) -> Page {
    Page {
        title: format!("{} requests/s meet a service that can do {}", comparison.plan.rate, comparison.plan.capacity),
        lead: lead(comparison),
        table: comparison.table(),
        notes: comparison.notes(),
        picture: None,
        further: Vec::new(),
        charts: vec![outcomes(comparison), latency(comparison), concurrency(comparison), queue(comparison)],
    }
}

fn lead(comparison: &Comparison) -> Vec<String> {
    let plan = comparison.plan;
    let good_within = GOOD_WITHIN.as_secs();
    let without = &comparison.without.summary;
    let mut result =
        format!("Without protection, {} a second are answered within {good_within} s.", rate(without.good));
    if let Some(with) = comparison.with.as_ref().map(|with| &with.summary) {
        result.push_str(&format!(" With Kanaloa in front, {} are", rate(with.good)));
        if with.p99.is_some() {
            result.push_str(&format!(", and 99 % of the accepted take at most {}", time(with.p99)));
        }
        result.push('.');
        if with.rejection_p50.is_some() {
            result.push_str(&format!(
                " {} a second are refused, half of them within {}.",
                rate(with.rejected),
                time(with.rejection_p50)
            ));
        }
    }
    let set_up = format!(
        "Both runs have the same load, {} s long and evenly spaced, from clients that wait for {} s, and a service of {} \
         slots that works {} ms on each request, first come first served, also for clients that have left. Kanaloa is \
         told none of this.",
        plan.duration.as_secs(),
        PATIENCE.as_secs(),
        plan.slots(),
        SERVICE_TIME.as_millis()
    );
    comparison.partial().into_iter().chain([result, set_up]).collect()
}

fn panels(comparison: &Comparison, panel: impl Fn(Side, &Measured) -> (Vec<f64>, Vec<Series>)) -> Vec<Panel> {
    [(Side::Without, Some(&comparison.without)), (Side::With, comparison.with.as_ref())]
        .into_iter()
        .filter_map(|(side, measured)| {
            let (x, series) = panel(side, measured?);
            Some(Panel { title: side.name().to_string(), x, series, marks: Vec::new() })
        })
        .collect()
}

fn outcomes(comparison: &Comparison) -> Chart {
    Chart {
        title: "What became of the requests".to_string(),
        explanation: format!(
            "Those that came in each second, by how they ended. Good is an answer within {} s.",
            GOOD_WITHIN.as_secs()
        ),
        across: Across::Time,
        axis: Axis { label: "requests per second".to_string(), unit: Unit::Number, scale: Scale::Linear },
        drawing: Drawing::Stack,
        panels: panels(comparison, |_, measured| {
            let buckets = seconds(measured);
            let series = STACK.map(|(label, tone, outcomes)| {
                let rate = |bucket: &Bucket| outcomes.iter().map(|outcome| bucket.rate(*outcome)).sum();
                Series::new(label, tone, held(&buckets, |bucket| Some(rate(bucket))))
            });
            (edges(measured, &buckets), series.to_vec())
        }),
    }
}

fn latency(comparison: &Comparison) -> Chart {
    Chart {
        title: "How long the accepted ones took".to_string(),
        explanation: format!(
            "Of those that came in each second and were not rejected. Above the dashed line an answer is late; at {} s \
             clients give up.",
            PATIENCE.as_secs()
        ),
        across: Across::Time,
        axis: Axis { label: "latency".to_string(), unit: Unit::Milliseconds, scale: Scale::Log },
        drawing: Drawing::Steps,
        panels: panels(comparison, |_, measured| {
            let buckets = seconds(measured);
            let series = vec![
                Series::new("p50", Tone::Main, held(&buckets, |bucket| bucket.p50.map(milliseconds))),
                Series::new("p99", Tone::Second, held(&buckets, |bucket| bucket.p99.map(milliseconds))),
                Series::new("late above", Tone::Warning, held(&buckets, |_| Some(milliseconds(GOOD_WITHIN)))).dashed(),
            ];
            (edges(measured, &buckets), series)
        }),
    }
}

fn concurrency(comparison: &Comparison) -> Chart {
    Chart {
        title: "How much is in flight".to_string(),
        explanation: format!(
            "The service can work on {} at once. Without Kanaloa every client that waits is in flight; with it, only \
             what it hands to the service, up to the limit it has found.",
            comparison.plan.slots()
        ),
        across: Across::Time,
        axis: Axis { label: "requests in flight".to_string(), unit: Unit::Number, scale: Scale::LogFromZero },
        drawing: Drawing::Lines,
        panels: panels(comparison, |side, measured| {
            let series = match side {
                Side::Without => {
                    vec![Series::new("in flight", Tone::Main, sampled(measured, |sample| Some(sample.clients)))]
                }
                Side::With => vec![
                    Series::new(
                        "in flight",
                        Tone::Main,
                        sampled(measured, |sample| Some(sample.dispatcher?.in_flight)),
                    ),
                    Series::new(
                        "concurrency limit",
                        Tone::Second,
                        sampled(measured, |sample| Some(sample.dispatcher?.limit)),
                    )
                    .dashed(),
                ],
            };
            (instants(measured), series)
        }),
    }
}

fn queue(comparison: &Comparison) -> Chart {
    Chart {
        title: "How much waits, and where".to_string(),
        explanation:
            "Without Kanaloa it waits inside the service, which will work on it even when its client has left. \
                      With Kanaloa both queues stay short, because what would wait too long is refused at once."
                .to_string(),
        across: Across::Time,
        axis: Axis { label: "requests waiting".to_string(), unit: Unit::Number, scale: Scale::LogFromZero },
        drawing: Drawing::Lines,
        panels: panels(comparison, |side, measured| {
            let mut series = vec![Series::new(
                "inside the service",
                Tone::Bad,
                sampled(measured, |sample| Some(sample.service.queued)),
            )];
            if side == Side::With {
                let queued = sampled(measured, |sample| Some(sample.dispatcher?.queued));
                series.push(Series::new("in Kanaloa", Tone::Main, queued));
            }
            (instants(measured), series)
        }),
    }
}

fn seconds(measured: &Measured) -> Vec<Bucket> {
    buckets(&measured.sent.observations, measured.sent.duration)
}

/// Where buckets begin, and where the last ends.
fn edges(measured: &Measured, buckets: &[Bucket]) -> Vec<f64> {
    buckets.iter().map(|bucket| bucket.start).chain([measured.sent.duration.as_secs_f64()]).collect()
}

/// A value for each of the [`edges`]: the last is held until its bucket ends.
fn held(buckets: &[Bucket], value: impl Fn(&Bucket) -> Option<f64>) -> Vec<Option<f64>> {
    let mut values: Vec<_> = buckets.iter().map(value).collect();
    values.push(values.last().copied().flatten());
    values
}

fn instants(measured: &Measured) -> Vec<f64> {
    measured.samples.iter().map(|sample| sample.at.as_secs_f64()).collect()
}

fn sampled(measured: &Measured, value: impl Fn(&Sample) -> Option<usize>) -> Vec<Option<f64>> {
    measured.samples.iter().map(|sample| value(sample).map(|value| value as f64)).collect()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
