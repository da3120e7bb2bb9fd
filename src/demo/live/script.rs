//! What happens to the service, and when: over and over again.

use std::time::Duration;

use super::super::plan::PER_SLOT;

/// After as much it begins again.
pub(super) const ROUND: Duration = Duration::from_secs(120);

/// Traffic is this share of the capacity while nothing happens.
const CALM: f64 = 0.6;

/// Something that happens in each round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scene {
    pub(super) begins: Duration,
    pub(super) lasts: Duration,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// So many times `--rate` arrives.
    Traffic { times: u32 },
    /// The first instance has half its slots.
    HalfOfFirst,
    /// The second instance answers nothing.
    SecondHangs,
}

impl Scene {
    pub(super) fn end(&self) -> Duration {
        self.begins + self.lasts
    }
}

const fn scene(begins: u64, lasts: u64, what: What) -> Scene {
    Scene { begins: Duration::from_secs(begins), lasts: Duration::from_secs(lasts), what }
}

pub(super) const SCENES: [Scene; 4] = [
    scene(10, 10, What::Traffic { times: 1 }),
    scene(30, 20, What::HalfOfFirst),
    scene(60, 2, What::Traffic { times: 2 }),
    scene(75, 8, What::SecondHangs),
];

/// The sizes that the command line gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Script {
    /// Requests a second in a rush.
    pub(super) rate: u32,
    /// Requests a second that both instances can do.
    pub(super) capacity: u32,
}

impl Script {
    /// Requests a second while nothing happens.
    fn calm(self) -> f64 {
        f64::from(self.capacity) * CALM
    }

    /// Requests a second at this time of a round.
    fn rate(self, at: Duration) -> f64 {
        let is_now = |scene: &&Scene| scene.begins <= at && at < scene.end();
        let rates = SCENES.iter().filter(is_now).map(|scene| match scene.what {
            What::Traffic { times } => f64::from(self.rate * times),
            _ => 0.0,
        });
        rates.fold(self.calm(), f64::max)
    }

    /// When the request comes after the one of `last`, both since the start. The first of a scene comes with the scene.
    pub(super) fn next(self, last: Duration) -> Duration {
        // Of the 584 years that fit, none is missed.
        let at = Duration::from_nanos((last.as_nanos() % ROUND.as_nanos()) as u64);
        // Rounded up, so that none comes just before a scene and is one too many.
        let next = at + Duration::from_nanos((1e9 / self.rate(at)).ceil() as u64);
        let turns = SCENES.iter().flat_map(|scene| [scene.begins, scene.end()]).chain([ROUND]);
        let next = turns.filter(|turn| *turn > at).fold(next, Duration::min);
        last - at + next
    }

    /// Slots of the two instances.
    pub(super) fn slots(self) -> [usize; 2] {
        let slots = (self.capacity / PER_SLOT) as usize;
        [slots - slots / 2, slots / 2]
    }

    /// What is said when a round begins.
    pub(super) fn opening(self) -> String {
        format!("0:00  {:.0} requests/s arrive, of {}/s that both instances can do", self.calm(), self.capacity)
    }

    /// What is said when a scene begins.
    pub(super) fn line(self, scene: &Scene) -> String {
        let (at, lasts) = (scene.begins.as_secs(), scene.lasts.as_secs());
        let what = match scene.what {
            What::Traffic { times } => format!("{} requests/s arrive", self.rate * times),
            What::HalfOfFirst => "one has half its slots".to_owned(),
            What::SecondHangs => "two hangs".to_owned(),
        };
        format!("{}:{:02}  {what}, for {lasts} s", at / 60, at % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: Script = Script { rate: 400, capacity: 200 };

    #[test]
    fn scenes_come_one_after_the_other_and_leave_time_to_recover() {
        let mut free = Duration::ZERO;
        for scene in SCENES {
            assert!(scene.begins >= free + Duration::from_secs(10), "{scene:?}");
            free = scene.end();
        }
        assert!(free + Duration::from_secs(10) <= ROUND);
    }

    #[test]
    fn the_traffic_is_as_the_script_says_in_every_round() {
        let next = |last: u64| SCRIPT.next(Duration::from_micros(last)).as_micros();
        for round in [0, 120_000_000, 1_200_000_000_000] {
            let after = |last: u64| next(round + last) - u128::from(round);
            assert_eq!((after(0), after(9_999_000), after(10_000_000)), (8_333, 10_000_000, 10_002_500));
            assert_eq!((after(19_999_000), after(20_000_000)), (20_000_000, 20_008_333));
            assert_eq!((after(60_000_000), after(119_999_000)), (60_001_250, 120_000_000));
        }
    }

    #[test]
    fn slots_are_shared_out() {
        assert_eq!(SCRIPT.slots(), [10, 10]);
        assert_eq!(Script { rate: 400, capacity: 30 }.slots(), [2, 1]);
    }

    #[test]
    fn what_happens_is_said() {
        let lines: Vec<_> = SCENES.iter().map(|scene| SCRIPT.line(scene)).collect();
        assert_eq!(
            lines,
            [
                "0:10  400 requests/s arrive, for 10 s",
                "0:30  one has half its slots, for 20 s",
                "1:00  800 requests/s arrive, for 2 s",
                "1:15  two hangs, for 8 s",
            ]
        );
        assert_eq!(SCRIPT.opening(), "0:00  120 requests/s arrive, of 200/s that both instances can do");
    }
}
