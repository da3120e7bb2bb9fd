//! One service at work.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::agenda::{Agenda, Nanos, nanos};
use super::draw::Chance;
use super::fifo::Fifo;
use super::sharing::Sharing;
use crate::lab::scenario::{Discipline, Service};

/// The number of a call, which is never used again.
pub(in crate::lab) type Job = u64;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::lab) enum Verdict {
    Served,
    Failed,
}

/// What a request takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    /// In seconds at full speed.
    pub(super) time: f64,
    /// See [`Service::penalty`].
    pub(super) penalty: f64,
}

/// A service at work. Answers take [`Service::network`] on top of what happens in the slots.
#[derive(Debug)]
pub(in crate::lab) struct Server {
    service: Service,
    /// Of what is asked for the first time.
    chance: Chance,
    /// Of what is asked again: how many copies there are of a request changes nothing for those that are asked first.
    chance_of_copies: Chance,
    floor: Floor,
    /// Those on the floor, and what will become of those that have begun.
    inside: BTreeMap<Job, Option<Verdict>>,
    /// Those on the floor that are copies.
    copies: HashSet<Job>,
    replies: Agenda<(Job, Verdict)>,
}

/// Where requests are worked on.
#[derive(Debug)]
enum Floor {
    Fifo(Fifo),
    Sharing(Sharing),
}

impl Server {
    pub(in crate::lab) fn new(service: &Service, chance: Chance, chance_of_copies: Chance) -> Self {
        let mut server = Server {
            service: service.clone(),
            chance,
            chance_of_copies,
            floor: Floor::of(service.discipline),
            inside: BTreeMap::new(),
            copies: HashSet::new(),
            replies: Agenda::new(),
        };
        server.floor.set(0, service);
        server
    }

    /// Calls in slots and in the queue.
    #[cfg(test)]
    fn in_flight(&self) -> usize {
        self.floor.len()
    }

    pub(in crate::lab) fn service(&self) -> &Service {
        &self.service
    }

    /// The service changes. What has begun keeps its service time, unless the discipline changes: then what is inside
    /// begins anew.
    pub(in crate::lab) fn become_like(&mut self, now: Nanos, service: &Service) {
        self.settle(now);
        let another = service.discipline != self.service.discipline;
        self.service = service.clone();
        if another {
            self.floor = Floor::of(service.discipline);
        }
        self.floor.set(now, service);
        if another {
            let inside: Vec<Job> = self.inside.keys().copied().collect();
            inside.into_iter().for_each(|job| self.enter(now, job));
        }
        self.fill(now);
    }

    /// A call arrives: the first for its request, or a copy of it.
    pub(in crate::lab) fn call(&mut self, now: Nanos, job: Job, is_copy: bool) {
        self.settle(now);
        let Service { slots, queue, .. } = self.service;
        if self.floor.len() >= slots.saturating_add(queue) {
            self.reply(now, job, Verdict::Failed);
            return;
        }
        if is_copy {
            self.copies.insert(job);
        }
        self.enter(now, job);
    }

    /// A call's answer is not wanted any more, and the service stops.
    pub(in crate::lab) fn stop(&mut self, now: Nanos, job: Job) {
        self.settle(now);
        if self.inside.remove(&job).is_some() {
            self.copies.remove(&job);
            self.floor.leave(now, job);
            self.fill(now);
        }
    }

    /// When something is to happen next.
    pub(in crate::lab) fn next(&mut self) -> Option<Nanos> {
        [self.floor.next(), self.replies.next()].into_iter().flatten().min()
    }

    /// An answer that has arrived by `now`.
    pub(in crate::lab) fn answer(&mut self, now: Nanos) -> Option<(Job, Verdict)> {
        self.settle(now);
        self.replies.due(now).map(|(_, reply)| reply)
    }

    /// What has left its slot by `now` is on its way back.
    fn settle(&mut self, now: Nanos) {
        while let Some((at, job)) = self.floor.finish(now) {
            self.copies.remove(&job);
            if let Some(Some(verdict)) = self.inside.remove(&job) {
                self.reply(at, job, verdict);
            }
            self.fill(at);
        }
    }

    fn enter(&mut self, now: Nanos, job: Job) {
        self.inside.insert(job, None);
        self.floor.enter(job);
        self.fill(now);
    }

    /// Those for whom there is room begin.
    fn fill(&mut self, now: Nanos) {
        while let Some(job) = self.floor.admit() {
            let (verdict, time) = self.fate(job);
            self.inside.insert(job, Some(verdict));
            self.floor.begin(now, job, Task { time, penalty: self.service.penalty });
        }
    }

    /// What becomes of a request, and the time that takes.
    fn fate(&mut self, job: Job) -> (Verdict, f64) {
        let service = &self.service;
        let chance = if self.copies.contains(&job) { &mut self.chance_of_copies } else { &mut self.chance };
        if service.error_rate > 0.0 && chance.share() < service.error_rate {
            return (Verdict::Failed, service.error_time.as_secs_f64());
        }
        let straggles = service.straggler_share > 0.0 && chance.share() < service.straggler_share;
        let factor = if straggles { service.straggler_factor } else { 1.0 };
        (Verdict::Served, chance.service_time(&service.service_time) * factor * service.slow)
    }

    fn reply(&mut self, at: Nanos, job: Job, verdict: Verdict) {
        if !self.service.unresponsive {
            self.replies.enter(at.saturating_add(nanos(self.service.network)), (job, verdict));
        }
    }
}

impl Floor {
    fn of(discipline: Discipline) -> Self {
        match discipline {
            Discipline::Fifo => Floor::Fifo(Fifo::new()),
            Discipline::Sharing => Floor::Sharing(Sharing::new()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Floor::Fifo(fifo) => fifo.len(),
            Floor::Sharing(sharing) => sharing.len(),
        }
    }

    fn enter(&mut self, job: Job) {
        match self {
            Floor::Fifo(fifo) => fifo.enter(job),
            Floor::Sharing(sharing) => sharing.enter(job),
        }
    }

    fn admit(&mut self) -> Option<Job> {
        match self {
            Floor::Fifo(fifo) => fifo.admit(),
            Floor::Sharing(sharing) => sharing.admit(),
        }
    }

    fn begin(&mut self, now: Nanos, job: Job, task: Task) {
        match self {
            Floor::Fifo(fifo) => fifo.begin(now, job, task),
            Floor::Sharing(sharing) => sharing.begin(now, job, task),
        }
    }

    fn leave(&mut self, now: Nanos, job: Job) {
        match self {
            Floor::Fifo(fifo) => fifo.leave(job),
            Floor::Sharing(sharing) => sharing.leave(now, job),
        }
    }

    fn set(&mut self, now: Nanos, service: &Service) {
        match self {
            Floor::Fifo(fifo) => fifo.set_slots(service.slots),
            Floor::Sharing(sharing) => sharing.set_slots(now, service.slots, service.penalty),
        }
    }

    fn next(&mut self) -> Option<Nanos> {
        match self {
            Floor::Fifo(fifo) => fifo.next(),
            Floor::Sharing(sharing) => sharing.next(),
        }
    }

    fn finish(&mut self, now: Nanos) -> Option<(Nanos, Job)> {
        match self {
            Floor::Fifo(fifo) => fifo.finish(now),
            Floor::Sharing(sharing) => sharing.finish(now),
        }
    }
}

/// At most what a duration can hold.
pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::lab::example;
    use crate::lab::model::streams;
    use crate::lab::scenario::{Distribution, ServiceTime};

    const MS: Nanos = 1_000_000;

    /// One slot, 10 ms a request.
    fn service() -> Service {
        let time = ServiceTime { mean: Duration::from_millis(10), distribution: Distribution::Fixed };
        Service { slots: 1, queue: 10, service_time: time, ..example::service() }
    }

    fn server(service: &Service) -> Server {
        let mut streams = streams(1);
        Server::new(service, streams.next().unwrap(), streams.next().unwrap())
    }

    fn answers(server: &mut Server) -> Vec<(Nanos, Job, Verdict)> {
        let mut answers = Vec::new();
        while let Some(at) = server.next() {
            while let Some((job, verdict)) = server.answer(at) {
                answers.push((at / MS, job, verdict));
            }
        }
        answers
    }

    #[test]
    fn the_network_takes_its_time_outside_the_slots() {
        let mut server = server(&Service { network: Duration::from_millis(5), ..service() });
        (0..2).for_each(|job| server.call(0, job, false));
        assert_eq!(answers(&mut server), [(15, 0, Verdict::Served), (25, 1, Verdict::Served)]);
    }

    #[test]
    fn one_too_many_fails_at_once() {
        let mut server = server(&Service { queue: 1, ..service() });
        (0..3).for_each(|job| server.call(0, job, false));
        let expected = [(0, 2, Verdict::Failed), (10, 0, Verdict::Served), (20, 1, Verdict::Served)];
        assert_eq!(answers(&mut server), expected);
    }

    #[test]
    fn errors_take_their_own_time_in_a_slot() {
        let mut server = server(&Service { error_rate: 1.0, ..service() });
        (0..2).for_each(|job| server.call(0, job, false));
        assert_eq!(answers(&mut server), [(1, 0, Verdict::Failed), (2, 1, Verdict::Failed)]);
    }

    #[test]
    fn stragglers_take_longer_by_their_factor() {
        let mut server = server(&Service { straggler_share: 1.0, straggler_factor: 2.5, slow: 2.0, ..service() });
        server.call(0, 0, false);
        assert_eq!(answers(&mut server), [(50, 0, Verdict::Served)]);
    }

    /// 1,000 requests with so many copies each, all begun at once: when those that were asked first end.
    fn ends_of_the_first(copies: u64) -> Vec<(Nanos, Job)> {
        let time = ServiceTime { mean: Duration::from_millis(10), distribution: Distribution::Exponential };
        let odd = Service { error_rate: 0.1, error_time: Duration::ZERO, straggler_share: 0.2, ..service() };
        let mut server = server(&Service { slots: 10_000, service_time: time, ..odd });
        for request in 0..1_000 {
            (0..=copies).for_each(|copy| server.call(0, request * 10 + copy, copy > 0));
        }
        let mut ends = Vec::new();
        while let Some(at) = server.next() {
            while let Some((job, _)) = server.answer(at) {
                ends.push((at, job));
            }
        }
        ends.retain(|(_, job)| job % 10 == 0);
        ends
    }

    #[test]
    fn what_is_asked_first_draws_the_same_whatever_copies_there_are() {
        assert_eq!(ends_of_the_first(0).len(), 1_000);
        assert_eq!(ends_of_the_first(0), ends_of_the_first(2));
    }

    #[test]
    fn each_copy_has_a_fate_of_its_own() {
        let odd = Service { error_rate: 0.3, error_time: Duration::ZERO, slots: 100_000, ..service() };
        let mut server = server(&odd);
        for request in 0..10_000 {
            (0..3).for_each(|copy| server.call(0, request * 10 + copy, copy > 0));
        }
        let mut failures = HashMap::new();
        while let Some((job, Verdict::Failed)) = server.answer(0) {
            *failures.entry(job / 10).or_insert(0) += 1;
        }
        // 0.3³ = 2.7 % of the requests fail in all three; six standard errors are 1 %.
        let lost = failures.values().filter(|failed| **failed == 3).count() as f64 / 10_000.0;
        assert!((lost - 0.027).abs() < 0.01, "{lost}");
    }

    #[test]
    fn what_is_done_while_it_is_unresponsive_is_never_answered() {
        let mut server = server(&service());
        (0..3).for_each(|job| server.call(0, job, false));
        server.become_like(5 * MS, &Service { unresponsive: true, ..service() });
        assert_eq!(server.answer(15 * MS), None);
        server.become_like(25 * MS, &service());
        assert_eq!(answers(&mut server), [(30, 2, Verdict::Served)]);
    }

    #[test]
    fn slow_counts_for_what_begins_later() {
        let mut server = server(&service());
        (0..2).for_each(|job| server.call(0, job, false));
        server.become_like(5 * MS, &Service { slow: 3.0, ..service() });
        assert_eq!(answers(&mut server), [(10, 0, Verdict::Served), (40, 1, Verdict::Served)]);
    }

    #[test]
    fn what_is_inside_begins_anew_under_another_discipline() {
        let mut server = server(&service());
        (0..2).for_each(|job| server.call(0, job, false));
        server.become_like(5 * MS, &Service { discipline: Discipline::Sharing, ..service() });
        // both at half speed
        assert_eq!(answers(&mut server), [(25, 0, Verdict::Served), (25, 1, Verdict::Served)]);
    }

    #[test]
    fn what_is_stopped_leaves_and_what_is_on_its_way_back_does_not() {
        let mut server = server(&Service { network: Duration::from_millis(5), ..service() });
        (0..3).for_each(|job| server.call(0, job, false));
        // the first has left the slot, and the second is in it
        server.stop(12 * MS, 0);
        server.stop(12 * MS, 1);
        assert_eq!(server.in_flight(), 1);
        assert_eq!(answers(&mut server), [(15, 0, Verdict::Served), (27, 2, Verdict::Served)]);
    }
}
