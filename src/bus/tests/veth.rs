//! The bus over a raw socket: a pair of virtual interfaces, the twin segment behind the far one.
//!
//! Needs CAP_NET_RAW and CAP_NET_ADMIN in a network namespace of its own:
//! `unshare -rn cargo test -p cellwright-bus --test veth -- --ignored`

mod common;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use cellwright_bus::{BusConfig, InProcessSegment, Link, RawSocketLink, Wait, with_bus};
use cellwright_model::DurationNs;
use cellwright_rt::bus::{Bus, ExchangeStatus, ProcessImage};
use cellwright_rt::clock::{Clock, MonotonicClock, VirtualClock};
use common::{Bench, config};

fn ip(args: &str) {
    let done = Command::new("ip").args(args.split(' ')).status().expect("the command `ip`");
    assert!(done.success(), "ip {args}: needs CAP_NET_ADMIN");
}

/// Answers frames at `interface` until told to stop; holds its replies back while `stalled`.
fn serve(interface: &'static str, stop: Arc<AtomicBool>, stalled: Arc<AtomicBool>, held: Arc<AtomicU64>) {
    // The segment's time is that of its own clock, moved along with the real one.
    let clock = VirtualClock::default();
    let mut segment = Bench::eight(&clock);
    let mut link = RawSocketLink::open(interface, Wait::Sleep).unwrap();
    let mut backlog = Vec::new();
    let mut buffer = [0; 1536];
    while !stop.load(Ordering::Relaxed) {
        clock.sleep_until(MonotonicClock.now());
        if let Some(len) = link.receive(&mut buffer, DurationNs(5_000_000)).unwrap() {
            segment.process(&mut buffer[..len], clock.now());
            // Once for each image is often enough: the device's inputs follow its outputs.
            segment.cycle_begin(0, DurationNs(1_000_000));
            backlog.push(buffer[..len].to_vec());
        }
        if stalled.load(Ordering::Relaxed) {
            held.store(backlog.len() as u64, Ordering::Relaxed);
        } else {
            for frame in backlog.drain(..) {
                link.send(&frame).unwrap();
            }
        }
    }
}

#[test]
#[ignore = "needs CAP_NET_RAW and CAP_NET_ADMIN: see the head of this file"]
fn bring_up_cycles_and_a_stall_over_a_raw_socket() {
    ip("link add cwbus0 type veth peer name cwbus1");
    ip("link set cwbus0 up");
    ip("link set cwbus1 up");
    let (stop, stalled) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let held = Arc::new(AtomicU64::new(0));
    let server = {
        let (stop, stalled, held) = (stop.clone(), stalled.clone(), held.clone());
        thread::spawn(move || serve("cwbus1", stop, stalled, held))
    };
    let period = DurationNs(2_000_000);
    let config = BusConfig { period, link_name: "cwbus0".to_owned(), ..config() };
    let link = RawSocketLink::open("cwbus0", Wait::Sleep).unwrap();
    let clock = MonotonicClock;
    with_bus(link, clock, config, |bus| {
        let layout = bus.bring_up().unwrap_or_else(|fault| panic!("{fault}"));
        let mut image = ProcessImage::new(&layout).unwrap();
        bus.enter_op(&mut image).unwrap_or_else(|fault| panic!("{fault}"));
        let mut cycle = |image: &mut ProcessImage, n: u64| {
            let start = clock.now();
            let exchange = bus.exchange(n, image, start + DurationNs(1_800_000));
            clock.sleep_until(start + period);
            (exchange.status, bus.counters())
        };
        let mut good = 0;
        for n in 0..500u64 {
            image.outputs_mut(4)[0] = n as u8;
            let (status, _) = cycle(&mut image, n);
            good += u64::from(status == ExchangeStatus::Ok && image.inputs(4)[0] == n as u8);
        }
        assert!(good > 450, "{good} of 500 cycles");
        // Frames pile up for 50 ms, less than the watchdog; then all of them are delivered at once.
        image.outputs_mut(4)[0] = 0xee;
        cycle(&mut image, 500);
        cycle(&mut image, 501);
        let before = cycle(&mut image, 502).1;
        stalled.store(true, Ordering::Relaxed);
        for n in 0..25 {
            image.outputs_mut(4)[0] = n;
            cycle(&mut image, 503 + u64::from(n));
        }
        assert!(held.load(Ordering::Relaxed) > 10);
        stalled.store(false, Ordering::Relaxed);
        image.outputs_mut(4)[0] = 0x77;
        thread::sleep(std::time::Duration::from_millis(20));
        let mut fresh = Vec::new();
        for n in 0..50 {
            if cycle(&mut image, 600 + n).0 == ExchangeStatus::Ok {
                fresh.push(image.inputs(4)[0]);
            }
        }
        let after = cycle(&mut image, 700).1;
        assert!(after.late_frames > before.late_frames + 10, "{before:?} {after:?}");
        assert_eq!(after.stray_frames, 0, "{after:?}");
        assert!(fresh.len() > 40, "{fresh:?}");
        assert!(fresh.iter().all(|&v| v == 0x77), "an input of the stall was taken for a new one: {fresh:?}");
        bus.shutdown().unwrap();
    });
    stop.store(true, Ordering::Relaxed);
    server.join().unwrap();
}
