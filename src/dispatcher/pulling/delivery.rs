//! The results on their way out, in the order that was asked for.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use super::outlet::{ItemResult, Outlet};
use crate::panics::drop_quietly;

/// The results on their way out.
pub(super) struct Delivery<Res, Err> {
    /// `None` when nobody wants them, or nobody is there any more.
    outlet: Option<Box<dyn Outlet<Res, Err>>>,
    /// What goes out next, in this order.
    due: VecDeque<ItemResult<Res, Err>>,
    /// What waits for those before it, where the order is that of the source: one place for each item from
    /// `next_due` on.
    early: Option<VecDeque<Option<ItemResult<Res, Err>>>>,
    next_due: u64,
    window: usize,
    is_flushed: bool,
    /// Whether somebody wanted them and is not there any more.
    is_gone: bool,
    /// How many have gone out.
    delivered: u64,
    /// How many have not and will not.
    undelivered: u64,
}

impl<Res, Err> Delivery<Res, Err> {
    pub(super) fn new(outlet: Option<Box<dyn Outlet<Res, Err>>>, in_order: bool, window: usize) -> Self {
        let early = (in_order && outlet.is_some()).then(VecDeque::new);
        Delivery {
            outlet,
            due: VecDeque::new(),
            early,
            next_due: 0,
            window: window.max(1),
            is_flushed: true,
            is_gone: false,
            delivered: 0,
            undelivered: 0,
        }
    }

    /// How many more items may be taken after `taken`.
    pub(super) fn room(&self, taken: u64) -> usize {
        match &self.early {
            Some(_) => {
                let out = taken - self.next_due + self.due.len() as u64;
                self.window.saturating_sub(usize::try_from(out).unwrap_or(usize::MAX))
            }
            None if self.due.len() < self.window => usize::MAX,
            None => 0,
        }
    }

    pub(super) fn push(&mut self, result: ItemResult<Res, Err>) {
        if self.outlet.is_none() {
            self.undelivered += u64::from(self.is_gone);
            return drop_quietly(result);
        }
        let Some(early) = &mut self.early else { return self.due.push_back(result) };
        // Each item has one result, so its place is not before the first that is missing.
        let place = (result.index - self.next_due) as usize;
        if place >= early.len() {
            early.resize_with(place + 1, || None);
        }
        early[place] = Some(result);
        while let Some(first @ Some(_)) = early.front_mut() {
            self.due.extend(first.take());
            early.pop_front();
            self.next_due += 1;
        }
    }

    /// Sends what can be sent. An error says why nothing can be any more.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), String> {
        let Some(outlet) = &mut self.outlet else { return Ok(()) };
        let sent = loop {
            if self.due.is_empty() {
                break Ok(());
            }
            match outlet.poll_ready(cx) {
                Poll::Pending => break Ok(()),
                Poll::Ready(Err(gone)) => break Err(gone),
                Poll::Ready(Ok(())) => {}
            }
            let Some(result) = self.due.pop_front() else { break Ok(()) };
            self.is_flushed = false;
            if let Err(gone) = outlet.send(result) {
                self.undelivered += 1;
                break Err(gone);
            }
            self.delivered += 1;
        };
        let sent = sent.and_then(|()| match self.is_flushed {
            true => Ok(()),
            false => match outlet.poll_flush(cx) {
                Poll::Ready(flushed) => {
                    self.is_flushed = true;
                    flushed
                }
                Poll::Pending => Ok(()),
            },
        });
        if sent.is_err() {
            self.give_up();
        }
        sent
    }

    /// Ready when all has gone out, or nobody is there any more.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        if let Err(gone) = self.poll_send(cx) {
            return Poll::Ready(Err(gone));
        }
        let Some(outlet) = &mut self.outlet else { return Poll::Ready(Ok(())) };
        if !self.due.is_empty() {
            return Poll::Pending;
        }
        let closed = outlet.poll_close(cx);
        if closed.is_ready() {
            self.give_up();
        }
        closed
    }

    /// Sends nothing any more.
    pub(super) fn give_up(&mut self) {
        let early = self.early.iter_mut().flat_map(|early| early.drain(..)).flatten();
        let left: Vec<_> = self.due.drain(..).chain(early).collect();
        self.undelivered += left.len() as u64;
        (self.early, self.is_gone) = (None, true);
        left.into_iter().for_each(drop_quietly);
        drop_quietly(self.outlet.take());
    }

    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }

    pub(super) fn undelivered(&self) -> u64 {
        self.undelivered
    }
}
