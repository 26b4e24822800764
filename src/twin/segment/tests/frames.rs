//! Well-formed and malformed frames.

use proptest::prelude::*;

use super::super::{Dropped, Malformed};
use super::*;

fn dropped(frame: &mut [u8]) -> Dropped {
    let mut main = Main::new(vec![probe(1, 1, None).0]);
    let before = frame.to_vec();
    match main.segment.process(frame, TimeNs(0)) {
        Processed::Dropped(why) => {
            assert_eq!(frame, before, "a dropped frame is not touched");
            why
        }
        returned => panic!("{returned:?}"),
    }
}

#[test]
fn errors_are_counted_where_they_are_seen() {
    let mut main = Main::new((0..3).map(|_| probe(1, 1, None).0).collect());
    // A datagram that runs beyond its frame.
    let mut broken = vec![0xFF; 12];
    broken.extend([0x88, 0xA4, 14, 0x10, 1, 0, 0, 0, 0, 0, 200, 0, 0, 0, 0, 0]);
    broken.resize(60, 0);
    for _ in 0..2 {
        assert!(matches!(main.segment.process(&mut broken.clone(), TimeNs(main.now)), Processed::Dropped(_)));
    }
    let counters = |main: &mut Main, position| main.read(position, 0x0300, 0x14).0;
    assert_eq!((counters(&mut main, 0)[0x0C], counters(&mut main, 2)[0x0C]), (2, 2));
    main.segment.set_power(2, false);
    assert_eq!((counters(&mut main, 0)[0x11], counters(&mut main, 1)[0x11]), (0, 1), "lost links of port 1");
    assert_eq!(main.write(1, 0x0312, &[0]), 1);
    assert_eq!(counters(&mut main, 1)[0x11], 0, "a write to one clears all four");
}

#[test]
fn an_unpadded_frame_of_29_bytes_is_processed() {
    let mut main = Main::new(vec![probe(1, 1, None).0, probe(1, 1, None).0]);
    let mut frame = encode(&[Pdu::new(BRD, 0, 0, &[0])]);
    assert_eq!(frame.len(), 29);
    let returned = Processed::Returned { round_trip_ns: 4 * u64::from(DEFAULT_HOP_DELAY_NS) };
    assert_eq!(main.segment.process(&mut frame, TimeNs(0)), returned);
    assert_eq!(decode(&frame), vec![Pdu { adp: 2, data: vec![0x11], wkc: 2, ..Pdu::new(BRD, 2, 0, &[]) }]);
}

#[test]
fn padding_behind_the_announced_length_is_left_alone() {
    let mut main = Main::new(vec![probe(1, 1, None).0]);
    let mut frame = encode(&[Pdu::new(BRD, 0, 0, &[0])]);
    frame.resize(60, 0xA5);
    assert!(matches!(main.segment.process(&mut frame, TimeNs(0)), Processed::Returned { .. }));
    assert_eq!(decode(&frame)[0].wkc, 1);
    assert!(frame[29..].iter().all(|b| *b == 0xA5));
}

#[test]
fn malformed_frames_are_dropped_with_their_reason() {
    let good = encode(&[Pdu::new(BRD, 0, 0, &[0; 4]), Pdu::new(BRD, 0, 0, &[0; 4])]);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut frame = good.clone();
        change(&mut frame);
        dropped(&mut frame)
    };
    let is = Dropped::Malformed;
    assert_eq!(with(&|f| f.truncate(27)), is(Malformed::TooShort));
    assert_eq!(with(&|f| f.clear()), is(Malformed::TooShort));
    assert_eq!(with(&|f| f[12] = 0x08), is(Malformed::NotEtherCat));
    assert_eq!(with(&|f| f[15] = 0x40 | f[15] & 0x0F), is(Malformed::NotCommands));
    assert_eq!(with(&|f| f.truncate(40)), is(Malformed::LengthBeyondFrame));
    // The first datagram claims more data than the header announces.
    assert_eq!(with(&|f| f[22] = 0xF0), is(Malformed::DatagramTruncated));
    // The last datagram claims that another follows.
    assert_eq!(with(&|f| f[16 + 16 + 7] |= 0x80), is(Malformed::DatagramTruncated));
}

#[test]
fn counters_tell_frames_apart() {
    let mut main = Main::new(vec![probe(1, 1, None).0]);
    main.read_u16(0, 0);
    main.segment.process(&mut [0; 64], TimeNs(0));
    main.segment.set_power(0, false);
    let mut frame = encode(&[Pdu::new(BRD, 0, 0, &[0])]);
    assert_eq!(main.segment.process(&mut frame, TimeNs(0)), Processed::Dropped(Dropped::NoLink));
    let c = main.segment.counters();
    assert_eq!((c.returned, c.malformed, c.no_link), (1, 1, 1));
}

#[test]
fn a_command_that_no_one_knows_passes_untouched() {
    let mut main = Main::new(vec![probe(1, 1, None).0]);
    for command in [0, 15, 99, 255] {
        let pdu = Pdu { wkc: 7, ..Pdu::new(command, 3, 0x0120, &[1, 2]) };
        assert_eq!(main.one(pdu.clone()), pdu);
    }
    assert_eq!(main.al(0), (1, 0));
}

fn any_pdu() -> impl Strategy<Value = Pdu> {
    let place = prop_oneof![
        any::<u16>(),
        0x0000u16..0x0A00,
        Just(0x0120),
        Just(0x0502),
        Just(0x0600),
        Just(0x0800),
        0x0FF0u16..0x2410
    ];
    (
        0u8..16,
        prop_oneof![Just(0u16), Just(0xFFFF), any::<u16>()],
        place,
        prop::collection::vec(any::<u8>(), 0..160),
    )
        .prop_map(|(command, adp, ado, data)| Pdu::new(command, adp, ado, &data))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut main = Main::new(vec![probe(3, 2, None).0]);
        main.segment.process(&mut bytes, TimeNs(0));
        if bytes.len() > 16 {
            let header = [0x88, 0xA4, (bytes.len() - 16) as u8, 0x10];
            bytes[12..16].copy_from_slice(&header);
        }
        main.segment.process(&mut bytes, TimeNs(1));
    }

    #[test]
    fn any_datagrams_are_survived_and_keep_their_shape(
        frames in prop::collection::vec(prop::collection::vec(any_pdu(), 1..4), 1..40),
    ) {
        let mailbox = Some(MailboxSizes { receive: 128, send: 64 });
        let mut main = Main::new(vec![probe(3, 2, mailbox).0, probe(2, 0, None).0, probe(0, 0, None).0]);
        for pdus in frames {
            let back = main.frame(&pdus);
            prop_assert_eq!(back.len(), pdus.len());
            for (sent, got) in pdus.iter().zip(&back) {
                prop_assert_eq!((sent.command, sent.ado, sent.data.len()), (got.command, got.ado, got.data.len()));
                prop_assert!(got.wkc <= 9);
            }
            main.pass(7 * MS);
        }
    }
}
