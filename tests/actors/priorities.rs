//! Who is let in when not everything can be: by class, and within a class by the share that a user has had.

use std::collections::HashMap;
use std::convert::Infallible;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kanaloa::{Priority, PushingDispatcher, Work, handler_fn};
use tokio::time::Instant;

use crate::support::*;

/// A steady stream of works.
#[derive(Clone, Copy)]
struct Stream {
    name: &'static str,
    class: u8,
    user: Option<u32>,
    /// One comes each so many milliseconds.
    every: u64,
}

/// How many works of a stream there were, and how many of them were answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count {
    came: u32,
    answered: u32,
}

impl Count {
    fn share(self) -> f64 {
        f64::from(self.answered) / f64::from(self.came)
    }
}

/// Sends the streams for `seconds` to a service of ten slots that can do 200 a second, and counts those that came after the
/// first two. Streams of one name are counted together.
fn serve(streams: &[Stream], seconds: u64) -> HashMap<&'static str, Count> {
    virtual_time(async {
        // From 41 to 59 ms, lest all slots end at once.
        let service = handler_fn("service", |number: u64| async move {
            sleep_ms(41 + number * 7 % 19).await;
            Ok::<_, Infallible>(())
        });
        let handle = PushingDispatcher::builder("priorities").settings(fixed(10)).handler(service).start().unwrap();
        let (start, mut counts) = (Instant::now(), HashMap::<_, Count>::new());
        let (mut answers, mut sent) = (FuturesUnordered::new(), 0);
        for now in 0..seconds * 1_000 {
            for (number, stream) in streams.iter().enumerate() {
                // Each begins at its own time.
                if !(now + number as u64 * 7).is_multiple_of(stream.every) {
                    continue;
                }
                let mut work = Work::new(sent).priority(Priority::try_from(stream.class).unwrap());
                if let Some(user) = stream.user {
                    work = work.user(user);
                }
                let call = handle.call(work);
                sent += 1;
                let counts_too = now >= 2_000;
                counts.entry(stream.name).or_default().came += u32::from(counts_too);
                answers.push(async move { (stream.name, call.await.is_ok() && counts_too) });
            }
            tokio::time::sleep_until(start + ms(now + 1)).await;
        }
        while let Some((name, is_ok)) = answers.next().await {
            counts.entry(name).or_default().answered += u32::from(is_ok);
        }
        assert_adds_up(handle.totals());
        counts
    })
}

fn modest(name: &'static str) -> impl Iterator<Item = Stream> {
    // 20 users of 5 works a second each: half of what the service can do.
    (0..20).map(move |user| Stream { name, class: 3, user: Some(user), every: 200 })
}

#[test]
fn a_user_who_floods_does_not_crowd_out_the_others_of_its_class() {
    let flood = |user| Stream { name: "flood", class: 3, user, every: 1 };
    let streams: Vec<Stream> = modest("modest").chain([flood(Some(99))]).collect();
    let counts = serve(&streams, 12);
    assert_eq!(counts["modest"].share(), 1.0);
    // It gets what the others leave: 100 a second.
    let flood_served = counts["flood"].answered;
    assert!((950..=1_050).contains(&flood_served), "{flood_served}");
    // The same where nobody says whose works they are.
    let streams: Vec<Stream> = streams.into_iter().map(|stream| Stream { user: None, ..stream }).collect();
    assert!(serve(&streams, 12)["modest"].share() < 0.5);
}

#[test]
fn users_who_flood_get_equal_shares_however_much_they_send() {
    let flood = |name, user, every| Stream { name, class: 3, user: Some(user), every };
    let counts = serve(&[flood("much", 1, 1), flood("less", 2, 4)], 12);
    let (much, less) = (f64::from(counts["much"].answered), f64::from(counts["less"].answered));
    assert!((much / less - 1.0).abs() < 0.05 && much + less > 1_900.0, "{much} {less}");
}

#[test]
fn a_better_class_comes_before_any_share() {
    // The user of class 2 has by far the largest share, and would have the worst of its class.
    let best = Stream { name: "better", class: 2, user: Some(99), every: 8 };
    let counts = serve(&modest("modest").chain(modest("modest")).chain([best]).collect::<Vec<_>>(), 12);
    assert!(counts["better"].share() >= 0.994, "{counts:?}");
    assert!(counts["modest"].share() < 0.5);
}

#[test]
fn once_a_second_one_of_each_class_that_gets_nothing_is_let_in() {
    let flood = Stream { name: "flood", class: 0, user: None, every: 1 };
    let low = |class, name| Stream { name, class, user: None, every: 50 };
    let counts = serve(&[flood, low(4, "four"), low(5, "five")], 12);
    // In ten seconds.
    assert_eq!([counts["four"].answered, counts["five"].answered], [10, 10], "{counts:?}");
}

#[test]
fn before_a_slow_service_probes_are_fewer() {
    virtual_time(async {
        let service = handler_fn("slow", |()| async {
            sleep_ms(1_000).await;
            Ok::<_, Infallible>(())
        });
        let handle = PushingDispatcher::builder("slow").settings(fixed(1)).handler(service).start().unwrap();
        let (mut flood, mut low) = (Vec::new(), Vec::new());
        for _ in 0..3_000 {
            flood.push(handle.call(Work::new(()).priority(Priority::HIGHEST)));
            low.push(handle.tell(Work::new(()).priority(Priority::LOWEST)));
            sleep_ms(100).await;
        }
        // Five minutes for a service of one a second: the first few before anything is known of it, and then one in 20 s.
        let let_in = low.iter().skip(300).filter(|told| told.is_ok()).count();
        assert_eq!(let_in, 270 / 20, "{let_in}");
    });
}

#[test]
fn there_are_six_classes() {
    assert_eq!(Priority::default().class(), 3);
    assert!((0..6).all(|class| Priority::try_from(class).is_ok_and(|priority| priority.class() == class)));
    let refused = Priority::try_from(6).unwrap_err();
    assert_eq!(refused.to_string(), "no such priority class: 6, expected 0 (served best) to 5");
}
