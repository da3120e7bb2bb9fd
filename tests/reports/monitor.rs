//! Several dispatchers, watched.

use futures::future::join_all;
use kanaloa::metrics::Monitor;
use kanaloa::{CircuitState, DispatcherState, PullingDispatcher};

use super::*;

#[test]
fn what_is_known_is_there_at_once_and_without_asking() {
    virtual_time(async {
        let monitor = Monitor::new();
        assert!(monitor.dispatchers().is_empty());
        let shop = shop("").monitor(&monitor).start().unwrap();
        let [fresh] = &*monitor.dispatchers() else { panic!("there is one") };
        assert_eq!((&*fresh.name, fresh.state, fresh.handlers.len()), ("shop", DispatcherState::Starting, 0));
        settle().await;

        let calls = calls(&shop, 10, 20).await;
        settle().await;
        let [busy] = &*monitor.dispatchers() else { panic!("there is one") };
        assert_eq!((busy.id, busy.state), (fresh.id, DispatcherState::Running));
        assert_eq!((busy.totals.queued, busy.totals.in_flight, busy.totals.rejected), (4, 4, 2));
        assert_eq!((busy.rejections.queue_full, busy.totals), (2, shop.totals()));
        let till = &busy.handlers[0];
        assert_eq!((&*till.name, till.handlers, till.limit, till.busy), ("till", 1, 4, 4));
        assert_eq!(till.explain_limit(), "unchanged since the start");
        assert_eq!((till.circuit, &*till.explain_circuit()), (CircuitState::Closed, "closed since the start"));
        join_all(calls).await;

        let done = &monitor.dispatchers()[0];
        assert_eq!((done.handlers[0].completed, done.handlers[0].process_time.count()), (8, 8));
        assert_eq!((done.handlers[0].process_time.sum(), done.wait_time.sum()), (ms(160), ms(80)));
    });
}

#[test]
fn counts_of_a_name_only_ever_grow_whichever_dispatchers_come_and_go() {
    virtual_time(async {
        let monitor = Monitor::new();
        let mut completed = Vec::new();
        for round in 0..3 {
            let shop = shop("").monitor(&monitor).start().unwrap();
            let slow = shop.call(40);
            for _ in 0..3 {
                shop.call(2).await.unwrap();
            }
            drop(shop);
            // It has nobody left, and ends when its last work has.
            assert_eq!(monitor.dispatchers().len(), 1, "{round}");
            completed.push(monitor.by_name()[0].totals.completed);
            slow.await.unwrap();
            settle().await;
            assert_eq!(monitor.dispatchers().len(), 0, "{round}");
            completed.push(monitor.by_name()[0].totals.completed);
        }
        assert_eq!(completed, [3, 4, 7, 8, 11, 12]);
        let [all] = &*monitor.by_name() else { panic!("there is one name") };
        assert_eq!((all.totals.received, all.handlers.len(), all.handlers[0].handlers), (12, 1, 0));
        assert_eq!((all.handlers[0].completed, all.handlers[0].limit), (12, 0));
        assert_eq!(all.wait_time.count(), 12);
    });
}

#[test]
fn dispatchers_of_one_name_are_two_by_number_and_one_by_name() {
    virtual_time(async {
        let monitor = Monitor::new();
        let shops = [(); 2].map(|()| shop("").monitor(&monitor).start().unwrap());
        let calls: Vec<_> = shops.iter().map(|shop| shop.call(20)).collect();
        settle().await;
        let each = monitor.dispatchers();
        assert_eq!(each.len(), 2);
        assert_ne!(each[0].id, each[1].id);
        let [both] = &*monitor.by_name() else { panic!("there is one name") };
        assert_eq!((both.totals.in_flight, both.handlers.len()), (2, 1));
        assert_eq!((both.handlers[0].handlers, both.handlers[0].limit, both.handlers[0].busy), (2, 8, 2));
        join_all(calls).await;
    });
}

#[test]
fn what_the_controllers_decided_is_told_in_words() {
    virtual_time(async {
        let monitor = Monitor::new();
        let more = "autothrottle.algorithm = plumb, back-pressure.enabled = on, circuit-breaker.enabled = on";
        let shop = shop(more).monitor(&monitor).start().unwrap();
        settle().await;
        let now = || monitor.dispatchers().remove(0);
        assert_eq!(now().explain_admission(), "no process time is known yet: lets in up to 68 works");
        let hanging: Vec<_> = (0..4).map(|_| shop.call(0)).collect();
        sleep_ms(89).await;
        assert_eq!(now().handlers[0].limit_change, None);
        join_all(hanging).await;
        sleep_ms(1).await;
        let till = &now().handlers[0];
        let change = till.limit_change.unwrap();
        assert_eq!((change.to, change.ago), (till.limit, ms(1)));
        assert_eq!(till.explain_limit(), "from 4 to 2: service silent: timeouts prevail, the limit was 4 before");
        // More than three timeouts in a row.
        assert_eq!((till.circuit, till.circuit_opened), (CircuitState::Open, 1));
        assert_eq!(till.explain_circuit(), "open: too many timeouts in a row");
        assert_eq!(till.circuit_change.unwrap().ago, ms(1));
    });
}

#[test]
fn counts_of_a_handler_that_is_back_only_ever_grow() {
    virtual_time(async {
        let monitor = Monitor::new();
        let shop = shop("").monitor(&monitor).start().unwrap();
        settle().await;
        for _ in 0..3 {
            shop.call(2).await.unwrap();
        }
        shop.remove_handler("till").await.unwrap();
        shop.add_handler(till("till")).await.unwrap();
        shop.call(2).await.unwrap();
        let completed = || monitor.dispatchers()[0].handlers.iter().map(|till| till.completed).collect::<Vec<_>>();
        assert_eq!(completed(), [4]);
        // What it did before it left is forgotten with its name only.
        sleep_ms(300_001).await;
        assert_eq!(completed(), [4]);
        shop.remove_handler("till").await.unwrap();
        sleep_ms(299_999).await;
        assert_eq!(completed(), [4]);
        sleep_ms(1).await;
        assert_eq!(completed(), [0; 0]);
    });
}

#[test]
fn handlers_of_dispatchers_that_have_ended_are_forgotten_too() {
    virtual_time(async {
        let monitor = Monitor::new();
        let run = async |handler: &str| {
            let shop: Shop = PushingDispatcher::builder("shop")
                .settings(settings(""))
                .monitor(&monitor)
                .handler_from(till(handler))
                .handler_from(till("all the time"))
                .start()
                .unwrap();
            settle().await;
            join_all((0..4).map(|_| shop.call(2))).await;
            shop
        };
        // As a proxy whose settings name another upstream each time.
        let mut shop = run("h0").await;
        let stays = |completed: &[u64]| completed.iter().sum::<u64>();
        for n in 1..20 {
            drop(shop);
            sleep_ms(100_000).await;
            shop = run(&format!("h{n}")).await;
            let [all] = &*monitor.by_name() else { panic!("there is one name") };
            // Those of the last five minutes, and one that has been there all the time.
            assert!(all.handlers.len() <= 5, "{:?}", all.handlers.iter().map(|h| &h.name).collect::<Vec<_>>());
            assert_eq!((all.totals.completed, all.wait_time.count()), (4 * (n + 1), 4 * (n + 1)));
            let constant: Vec<_> =
                all.handlers.iter().filter(|h| &*h.name == "all the time").map(|h| h.completed).collect();
            assert!(stays(&constant) >= n, "{constant:?}");
        }
        drop(shop);
        sleep_ms(300_001).await;
        assert_eq!(monitor.by_name()[0].handlers.len(), 0);
        assert_eq!(monitor.by_name()[0].totals.completed, 80);
    });
}

#[test]
fn what_a_handler_did_counts_while_another_dispatcher_of_the_name_has_it() {
    virtual_time(async {
        let monitor = Monitor::new();
        // One is gone for good, of the other somebody still has a handle.
        let [gone, kept] = [(); 2].map(|()| shop("").monitor(&monitor).start().unwrap());
        for shop in [&gone, &kept] {
            settle().await;
            shop.call(2).await.unwrap();
            shop.shutdown().await;
        }
        drop(gone);
        let now = shop("").monitor(&monitor).start().unwrap();
        settle().await;
        now.call(2).await.unwrap();
        let completed = || monitor.by_name()[0].handlers.iter().map(|till| till.completed).collect::<Vec<_>>();
        for _ in 0..4 {
            assert_eq!(completed(), [3]);
            sleep_ms(200_000).await;
        }
        assert_eq!(kept.totals().completed, 1);
    });
}

#[test]
fn a_dispatcher_that_has_ended_refuses_nothing() {
    virtual_time(async {
        let monitor = Monitor::new();
        let overloaded = shop("back-pressure.enabled = on, queue.capacity = 1000").monitor(&monitor).start().unwrap();
        settle().await;
        for _ in 0..2000 {
            drop((0..2).map(|_| overloaded.tell(20)).collect::<Vec<_>>());
            sleep_ms(1).await;
        }
        assert!(monitor.by_name()[0].drop_rate > 0.5, "{}", monitor.by_name()[0].drop_rate);
        overloaded.shutdown().await;
        drop(overloaded);
        settle().await;
        let ended = &monitor.by_name()[0];
        assert_eq!((ended.drop_rate, ended.is_burst(), ended.totals.queued), (0.0, false, 0));
        let calm = shop("").monitor(&monitor).start().unwrap();
        settle().await;
        assert_eq!(monitor.by_name()[0].drop_rate, 0.0);
        drop(calm);
    });
}

#[test]
fn a_dispatcher_that_pulls_is_watched_too() {
    virtual_time(async {
        let monitor = Monitor::new();
        let run = PullingDispatcher::from_stream("shop", futures::stream::iter([2, 1, 2, 20, 0]))
            .settings(settings(""))
            .monitor(&monitor);
        let run = run.handler_from(till("till")).start().unwrap();
        sleep_ms(10).await;
        let [pulling] = &*monitor.dispatchers() else { panic!("there is one") };
        assert_eq!((pulling.totals.completed, pulling.totals.failed, pulling.totals.in_flight), (2, 1, 2));
        assert_eq!((pulling.handlers[0].completed, pulling.handlers[0].busy), (2, 2));
        drop(run.summary().await);
        let [ended] = &*monitor.by_name() else { panic!("there is one name") };
        assert_eq!((ended.totals.completed, ended.totals.failed, ended.totals.timed_out), (3, 1, 1));
        assert_eq!((ended.totals.received, ended.handlers[0].completed, ended.handlers[0].limit), (5, 3, 0));
    });
}
