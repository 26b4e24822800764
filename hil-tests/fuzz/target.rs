//! The targets: what reads from a wire, each as a function from an input to the kind of what happened.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use cellwright_bus::ask::Asker;
use cellwright_bus::survey::{self, coe};
use cellwright_bus::{InProcessLink, with_bus};
use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::bus::{Bus, BusCounters, BusFault, ProcessImage};
use cellwright_rt::clock::{Clock, VirtualClock};
use cellwright_twin::segment::{Dropped, Processed};

use super::Input;
use super::hostile::Hostile;
use super::twin::{FRAME, PERIOD, Twin, config, cycles};

/// SubDevices of the twin, each of which adds 3 to a working counter at the most.
const WKC_MAX: u16 = 4 * 3;
/// Time of one record that lets time pass: so many nanoseconds for each of its counts, 1 s at the most.
const TICK_NS: u64 = 10_000;
const TICKS_MAX: u64 = 100_000;
/// Cycles of a run over a hostile link.
const CYCLES: u64 = 60;

fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// 0, 1, 2 to 3, 4 to 7, …
fn magnitude(n: u64) -> u32 {
    u64::BITS - n.leading_zeros()
}

/// `Segment::process`: frames, damaged frames, and what befalls SubDevices and cables between them.
///
/// # Panics
/// If a reply has another shape than its frame, counts too much, or a frame that is dropped unread was changed.
pub fn segment(input: &Input) -> u64 {
    let (mut twin, mut now, mut seen) = (Twin::new(), 0u64, 0u64);
    for record in &input.records {
        let Some((what, rest)) = record.split_first() else { continue };
        let position = usize::from(rest.first().copied().unwrap_or(0)) % 5;
        let second = rest.get(1).copied().unwrap_or(0);
        let number = u64::from(u16::from_le_bytes([rest.first().copied().unwrap_or(0), second]));
        match what % 8 {
            FRAME => seen |= frame(&mut twin, rest.to_vec(), TimeNs(now)),
            1 => {
                let mut frame = rest.get(1..).unwrap_or_default().to_vec();
                let done = twin.segment.process_damaged(&mut frame, TimeNs(now), position);
                seen |= u64::from(matches!(done, Processed::Dropped(Dropped::Damaged))) << 40;
            }
            2 => {
                let dt = number.min(TICKS_MAX) * TICK_NS;
                now += dt;
                twin.step(TimeNs(now), dt);
            }
            3 => twin.segment.set_link(position, second & 7, rest.get(2).is_some_and(|up| up & 1 == 1)),
            4 => twin.segment.set_mute(position, second & 1 == 1),
            5 => twin.segment.set_power(position, second & 1 == 1),
            6 => twin.segment.replace(position, second.into()),
            _ => twin.segment.set_clock(position, number << 32, second.into()),
        }
    }
    let states: Vec<_> = (0..4).map(|p| twin.segment.al_status(p).map(|(s, e, c)| (s as u8, e, c))).collect();
    let counters = twin.segment.counters();
    let counts =
        [counters.malformed, counters.no_link, counters.damaged, counters.watchdog_trips].map(magnitude);
    hash((seen, states, counts))
}

/// One frame: bits of what its datagrams did.
fn frame(twin: &mut Twin, mut frame: Vec<u8>, now: TimeNs) -> u64 {
    let sent = frame.clone();
    match twin.segment.process(&mut frame, now) {
        Processed::Dropped(why) => {
            assert_eq!(frame, sent, "a dropped frame is not touched");
            1 << match why {
                Dropped::Malformed(why) => 41 + why as u8,
                Dropped::NoLink => 47,
                Dropped::Damaged => 48,
            }
        }
        Processed::Returned { .. } => {
            assert_eq!(frame.len(), sent.len());
            let (mut at, mut seen) = (16, 0);
            loop {
                let flags = u16::from_le_bytes([sent[at + 6], sent[at + 7]]);
                let wkc_at = at + 10 + usize::from(flags & 0x07ff);
                let wkc = |f: &[u8]| u16::from_le_bytes([f[wkc_at], f[wkc_at + 1]]);
                let added = wkc(&frame).wrapping_sub(wkc(&sent));
                assert_eq!(
                    (&frame[at..at + 2], &frame[at + 4..at + 8]),
                    (&sent[at..at + 2], &sent[at + 4..at + 8])
                );
                assert!(added <= WKC_MAX, "{added} were added to a working counter");
                seen |= 1 << (u32::from(sent[at] & 15) + 16 * u32::from(added > 0))
                    | mailbox(&frame[at..wkc_at], added);
                if flags & 0x8000 == 0 {
                    return seen;
                }
                at = wkc_at + 2;
            }
        }
    }
}

/// What a mailbox said, if the datagram has fetched something of one.
fn mailbox(datagram: &[u8], wkc: u16) -> u64 {
    let ado = u16::from_le_bytes([datagram[4], datagram[5]]);
    let Some(message) = datagram.get(10..24).filter(|_| wkc > 0 && ado == 0x1400) else { return 0 };
    let (kind, service, command) = (message[5] & 15, message[7] >> 4, message[8] >> 5);
    1 << (49 + (kind + service * 2 + command) % 14)
}

/// Kind of a fault: its words without their numbers.
fn words(fault: &BusFault) -> u64 {
    hash(fault.to_string().chars().filter(|c| !c.is_ascii_digit()).collect::<String>())
}

fn counts(c: &BusCounters) -> [u32; 5] {
    [c.wkc_errors, c.lost, c.late_frames, c.stray_frames, c.al_errors].map(magnitude)
}

/// The content of an EEPROM: records one behind the other. Read by `scan`'s decoder, and by ethercrab's at bring-up.
pub fn sii(input: &Input) -> u64 {
    let image = input.records.concat();
    let (twin, clock) = (Twin::shared(), VirtualClock::default());
    let link = Hostile::with_eeprom(twin.clone(), clock.clone(), image.clone());
    let devices = survey::survey(&mut Asker::new(link, clock.clone())).expect("registers answer as always");
    let said = devices[0].sii.as_ref().map(|sii| {
        let entries: usize = sii.pdos.iter().map(|p| p.entries.len()).sum();
        let sizes = [
            sii.name.len(),
            sii.group.len(),
            sii.order.len(),
            sii.sync_managers.len(),
            sii.pdos.len(),
            entries,
        ];
        sizes.map(|n| magnitude(n as u64))
    });
    let problem = said.as_ref().err().map(|problem| problem.to_string());
    let link = Hostile::with_eeprom(twin, clock.clone(), image);
    let came_up =
        with_bus(link, clock, config(), |bus| bus.bring_up().map(|_| ()).map_err(|fault| words(&fault)));
    hash((said.ok(), problem, came_up))
}

/// Mailboxes of a hostile SubDevice: an input whose first record begins with an odd byte is for `scan`, which asks for
/// PDOs in SAFE-OP; the others for the client of the bus.
pub fn coe(input: &Input) -> u64 {
    let for_scan = input.records.first().and_then(|r| r.first()).is_some_and(|byte| byte & 1 == 1);
    if !for_scan {
        return run(input);
    }
    let (twin, clock) = (Twin::shared(), VirtualClock::default());
    let honest = Hostile::new(twin.clone(), clock.clone(), &Input::default());
    with_bus(honest, clock.clone(), config(), |bus| {
        bus.bring_up().expect("nobody has changed anything yet");
        let hostile = Hostile::new(twin.clone(), clock.clone(), input);
        let mut asker = Asker::new(hostile, clock.clone());
        let devices = match survey::survey(&mut asker) {
            Ok(devices) => devices,
            Err(error) => return hash(error.to_string()),
        };
        let asked = devices.iter().map(|device| match coe::pdos(&mut asker, device) {
            Ok(Ok(pdos)) => hash((pdos.len(), magnitude(pdos.iter().map(|p| p.entries.len() as u64).sum()))),
            Ok(Err(problem)) => hash(core::mem::discriminant(&problem)),
            Err(error) => hash(error.to_string()),
        });
        hash(asked.collect::<Vec<_>>())
    })
}

/// The pump's way back: every reply of bring-up and cycles may be altered.
pub fn pump(input: &Input) -> u64 {
    run(input)
}

/// Bring-up, OP, cycles with SDOs, down.
///
/// # Panics
/// If inputs change in an exchange that did not succeed.
fn run(input: &Input) -> u64 {
    let (twin, clock) = (Twin::shared(), VirtualClock::default());
    let link = Hostile::new(twin, clock.clone(), input);
    with_bus(link, clock.clone(), config(), |bus| {
        let mut seen = Vec::new();
        let layout = match bus.bring_up() {
            Ok(layout) => layout,
            Err(fault) => return hash((words(&fault), counts(&bus.counters()))),
        };
        let mut image = match ProcessImage::new(&layout) {
            Ok(image) => image,
            Err(fault) => return words(&fault),
        };
        if let Err(fault) = bus.enter_op(&mut image) {
            return hash((words(&fault), counts(&bus.counters())));
        }
        cycles(bus, &clock, &mut image, CYCLES, |bus, image, cycle| {
            let inputs = |image: &ProcessImage| -> Vec<u8> {
                (0..layout.subdevices.len()).flat_map(|p| image.inputs(p).to_vec()).collect()
            };
            let before = inputs(image);
            let exchange = bus.exchange(cycle, image, clock.now() + DurationNs(PERIOD.0 / 2));
            assert!(exchange.is_ok() || inputs(image) == before, "stale inputs: {:?}", exchange.status);
            seen.push(hash(core::mem::discriminant(&exchange.status)));
            seen.extend(bus.poll_emergency().map(|_| 1));
        });
        seen.sort_unstable();
        seen.dedup();
        let ended = bus.shutdown().map_err(|fault| words(&fault));
        hash((seen, counts(&bus.counters()), ended))
    })
}

/// The EEPROMs of the twin, for the corpus of `sii`.
pub fn eeproms() -> Vec<Input> {
    let (twin, clock) = (Twin::shared(), VirtualClock::default());
    let shared = twin.clone();
    let segment = move |frame: &mut [u8], now: TimeNs| match shared.borrow_mut().segment.process(frame, now) {
        Processed::Returned { round_trip_ns } => Some(DurationNs(round_trip_ns)),
        Processed::Dropped(_) => None,
    };
    let mut asker = Asker::new(InProcessLink::new(segment, clock.clone()), clock);
    let mut words = |position: u16, from: u32| {
        let mut command = [0, 1, 0, 0, 0, 0];
        command[2..].copy_from_slice(&from.to_le_bytes());
        asker.write(position, 0x0502, &command).expect("it answers");
        let mut data = [0; 4];
        asker.read(position, 0x0508, &mut data).expect("it answers");
        data
    };
    let image =
        |position: u16| (0..0x400).step_by(2).flat_map(|word| words(position, word)).collect::<Vec<u8>>();
    (0..4)
        .map(image)
        .collect::<Vec<_>>()
        .iter()
        .map(|image| {
            let used = image.iter().rposition(|byte| *byte != 0xff).map_or(0, |last| last + 3);
            Input { records: image[..used.min(image.len())].chunks(16).map(<[u8]>::to_vec).collect() }
        })
        .collect()
}
