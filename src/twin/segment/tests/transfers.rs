//! Segmented transfers, complete access, SDO information.

use super::mailboxes::{answer, ask, fetch, full, read, sdo, upload, write};
use super::*;

/// Uploads `index:sub` in as many messages as it takes; the first request's command is given.
fn upload_all(main: &mut Main, command: u8, index: u16, sub: u8) -> (Vec<u8>, usize) {
    let (_, r) = ask(main, 3, &sdo(command, index, sub, &[]));
    assert_eq!(r[1] >> 4, 3, "{r:x?}");
    if r[2] & 0x02 != 0 {
        return (r[6..10 - usize::from(r[2] >> 2 & 3)].to_vec(), 1);
    }
    let size = u32::from_le_bytes([r[6], r[7], r[8], r[9]]) as usize;
    let (mut value, mut toggle, mut messages) = (r[10..].to_vec(), 0, 1);
    while value.len() < size {
        let (_, r) = ask(main, 3, &sdo(0x60 | toggle, 0, 0, &[]));
        assert_eq!((r[1] >> 4, r[2] & 0xF0), (3, toggle), "{r:x?}");
        value.extend(&r[3..r.len() - usize::from(r[2] >> 1 & 7)]);
        assert_eq!(r[2] & 1 != 0, value.len() == size, "the last one says so");
        (toggle, messages) = (toggle ^ 0x10, messages + 1);
    }
    assert_eq!(value.len(), size);
    (value, messages)
}

fn segment(command: u8, data: &[u8]) -> Vec<u8> {
    let mut message = vec![0x00, 0x20, command];
    message.extend(data);
    message.resize(message.len().max(10), 0);
    message
}

#[test]
fn an_object_longer_than_the_mailbox_goes_up_in_segments() {
    let (mut main, told) = probe_in_pre_op(2, 3);
    // 112 bytes fit the first message, 119 a segment: from one byte too many to several segments.
    for (len, messages) in [(112, 1), (113, 2), (118, 2), (119, 2), (231, 2), (232, 3), (700, 6)] {
        let object: Vec<u8> = (0..len).map(|i| i as u8).collect();
        told.lock().unwrap().object.clone_from(&object);
        assert_eq!(upload_all(&mut main, 0x40, 0x2000, 0), (object, messages), "{len} bytes");
    }
}

#[test]
fn an_object_longer_than_the_mailbox_comes_down_in_segments() {
    let (mut main, told) = probe_in_pre_op(2, 3);
    for len in [113usize, 119, 120, 100 + 119 + 3] {
        let object: Vec<u8> = (0..len).map(|i| i as u8).collect();
        let mut first = (len as u32).to_le_bytes().to_vec();
        first.extend(&object[..100]);
        let (_, r) = ask(&mut main, 3, &sdo(0x21, 0x2000, 0, &first));
        assert_eq!(answer(&r, 0x2000, 0), Ok(vec![]));
        let (mut at, mut toggle) = (100, 0u8);
        while at < len {
            let n = (len - at).min(119);
            let unused = 7usize.saturating_sub(n) as u8;
            let last = u8::from(at + n == len);
            let (_, r) = ask(&mut main, 3, &segment(unused << 1 | toggle | last, &object[at..at + n]));
            assert_eq!((r[1] >> 4, r[2]), (3, 0x20 | toggle), "{r:x?}");
            (at, toggle) = (at + n, toggle ^ 0x10);
        }
        assert_eq!(told.lock().unwrap().object, object, "{len} bytes");
    }
}

#[test]
fn a_transfer_ends_by_a_wrong_toggle_a_wrong_length_and_an_abort() {
    let (mut main, told) = probe_in_pre_op(2, 3);
    told.lock().unwrap().object = vec![1; 300];
    let begin = |main: &mut Main| ask(main, 3, &upload(0x2000, 0));
    let abort_of = |r: &[u8]| (r[1] >> 4, r[2], u32::from_le_bytes([r[6], r[7], r[8], r[9]]));
    begin(&mut main);
    let (_, r) = ask(&mut main, 3, &sdo(0x70, 0, 0, &[]));
    assert_eq!(abort_of(&r), (2, 0x80, 0x0503_0000));
    let (_, r) = ask(&mut main, 3, &sdo(0x60, 0, 0, &[]));
    assert_eq!(abort_of(&r), (2, 0x80, 0x0504_0001), "it is over");
    begin(&mut main);
    main.write(0, 0x1000, &super::mailboxes::request(3, &sdo(0x80, 0x2000, 0, &[0; 4])));
    assert!(!full(&mut main, 1), "an abort is not answered");
    let (_, r) = ask(&mut main, 3, &sdo(0x60, 0, 0, &[]));
    assert_eq!(abort_of(&r), (2, 0x80, 0x0504_0001));
    // More than was announced, and less.
    for (command, n) in [(0x01u8, 60usize), (0x01, 20)] {
        let mut first = 130u32.to_le_bytes().to_vec();
        first.extend([0; 100]);
        ask(&mut main, 3, &sdo(0x21, 0x2000, 0, &first));
        let (_, r) = ask(&mut main, 3, &segment(command, &vec![0; n]));
        assert_eq!(abort_of(&r), (2, 0x80, 0x0607_0010), "{n} bytes for the last 30");
    }
    assert_eq!(told.lock().unwrap().object, vec![1; 300], "nothing was stored");
}

#[test]
fn complete_access_reads_an_object_as_a_whole() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    let mut identity = vec![4, 0];
    for value in [TWIN_VENDOR, 9, 2, 77] {
        identity.extend(value.to_le_bytes());
    }
    assert_eq!(upload_all(&mut main, 0x50, 0x1018, 0).0, identity);
    assert_eq!(upload_all(&mut main, 0x50, 0x1018, 1).0, identity[2..]);
    assert_eq!(upload_all(&mut main, 0x50, 0x1C12, 0).0, [1, 0, 0x00, 0x16]);
    assert_eq!(upload_all(&mut main, 0x50, 0x1C10, 0).0, [0, 0], "an empty array");
    assert_eq!(upload_all(&mut main, 0x50, 0x1000, 0).0, [0x89, 0x13, 0, 0], "one without subindices");
    assert_eq!(upload_all(&mut main, 0x50, 0x1C32, 0).0[..8], [6, 0, 1, 0, 0, 0, 0, 0]);
}

#[test]
fn complete_access_writes_what_may_be_written() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    assert_eq!(write(&mut main, 0x1C32, 1, &[2, 0]), Ok(vec![]), "SYNC0");
    assert_eq!(write(&mut main, 0x1C32, 1, &[9, 0]), Err(0x0609_0030));
    assert_eq!(write(&mut main, 0x1C32, 4, &[0, 0]), Err(0x0601_0002));
    assert_eq!(read(&mut main, 0x1C32, 1), Ok(vec![2, 0]));
    // Type and cycle time; the entries behind them are left alone.
    let value = [&8u32.to_le_bytes()[..], &[6, 0, 1, 0], &1_000_000u32.to_le_bytes()].concat();
    let (_, r) = ask(&mut main, 3, &sdo(0x31, 0x1C32, 0, &value));
    assert_eq!((r[1] >> 4, r[2]), (3, 0x70), "{r:x?}");
    assert_eq!(read(&mut main, 0x1C32, 1), Ok(vec![1, 0]));
    assert_eq!(read(&mut main, 0x1C32, 2), Ok(1_000_000u32.to_le_bytes().to_vec()));
}

/// Asks for information; the data of all fragments.
fn information(main: &mut Main, opcode: u8, data: &[u8]) -> (u8, Vec<u8>, usize) {
    let mut message = vec![0x00, 0x80, opcode, 0, 0, 0];
    message.extend(data);
    let (kind, mut r) = ask_without_end(main, &message);
    assert_eq!(kind, 3);
    let (mut value, mut fragments) = (r[6..].to_vec(), 1);
    while r[2] & 0x80 != 0 {
        assert!(u16::from_le_bytes([r[4], r[5]]) > 0);
        r = fetch(main).1;
        value.extend(&r[6..]);
        fragments += 1;
    }
    assert_eq!((r[1] >> 4, r[4], r[5]), (8, 0, 0), "none is left");
    (r[2], value, fragments)
}

fn ask_without_end(main: &mut Main, message: &[u8]) -> (u8, Vec<u8>) {
    assert_eq!(main.write(0, 0x1000, &super::mailboxes::request(3, message)), 1);
    fetch(main)
}

fn words(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|w| u16::from_le_bytes([w[0], w[1]])).collect()
}

#[test]
fn information_lists_the_objects() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    let (opcode, list, _) = information(&mut main, 1, &[1, 0]);
    let all = words(&list);
    assert_eq!((opcode, all[0]), (2, 1));
    let area = [0x1000, 0x1008, 0x1009, 0x100A, 0x1018, 0x1600, 0x1A00];
    let sync = [0x1C00, 0x1C10, 0x1C11, 0x1C12, 0x1C13, 0x1C32, 0x1C33, 0x2000];
    assert_eq!(all[1..], [&area[..], &sync[..]].concat());
    let (_, lengths, _) = information(&mut main, 1, &[0, 0]);
    assert_eq!(words(&lengths), [0, 15, 0, 0, 0, 0]);
    assert_eq!(information(&mut main, 1, &[4, 0]).1, [4, 0]);
    let (opcode, code, _) = information(&mut main, 1, &[6, 0]);
    assert_eq!((opcode, code), (7, 0x0601_0000u32.to_le_bytes().to_vec()));
}

#[test]
fn a_long_list_comes_in_fragments_and_nothing_gets_between() {
    let (model, _) = probe(2, 3, Some(MailboxSizes { receive: 40, send: 40 }));
    let mut main = Main::new(vec![model]);
    main.sync_manager(0, 0, 0x1000, 40, 0x26);
    main.sync_manager(0, 1, 0x1400, 40, 0x22);
    main.request(0, 2, false);
    let mut message = super::mailboxes::request(3, &[0x00, 0x80, 1, 0, 0, 0, 1, 0]);
    message.truncate(40);
    assert_eq!(main.write(0, 0x1000, &message), 1);
    // Another request waits until the list is through.
    let mut other = super::mailboxes::request(3, &upload(0x1018, 1));
    other.truncate(40);
    assert_eq!(main.write(0, 0x1000, &other), 1);
    let mut next = || {
        let reply = main.read(0, 0x1400, 40).0;
        let len = usize::from(u16::from_le_bytes([reply[0], reply[1]]));
        reply[6..6 + len].to_vec()
    };
    let (first, second, third) = (next(), next(), next());
    assert_eq!((first[2], second[2]), (0x82, 0x02));
    assert_eq!((first[4], second[4]), (1, 0), "fragments left");
    assert_eq!(words(&first[6..]).len() + words(&second[6..]).len(), 16);
    assert_eq!(third[1] >> 4, 3, "the upload");
}

#[test]
fn information_describes_objects_and_entries() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    let (opcode, identity, _) = information(&mut main, 3, &[0x18, 0x10]);
    assert_eq!((opcode, &identity[..6]), (4, &[0x18, 0x10, 0x23, 0, 4, 9][..]));
    assert_eq!(&identity[6..], b"Identity");
    let (opcode, vendor, _) = information(&mut main, 5, &[0x18, 0x10, 1, 0]);
    assert_eq!(opcode, 6);
    assert_eq!(vendor, [&[0x18, 0x10, 1, 0, 7, 0, 32, 0, 7, 0][..], b"Vendor"].concat());
    let (_, object, _) = information(&mut main, 3, &[0x00, 0x20]);
    assert_eq!(object, [&[0x00, 0x20, 5, 0, 0, 7][..], b"Object"].concat());
    let (_, entry, _) = information(&mut main, 5, &[0x00, 0x20, 0, 0]);
    assert_eq!(entry, [&[0x00, 0x20, 0, 0, 5, 0, 8, 0, 0x3F, 0][..], b"Object"].concat());
    for (asked, code) in [(&[0x55, 0x55, 0, 0], 0x0602_0000u32), (&[0x18, 0x10, 9, 0], 0x0609_0011)] {
        let (opcode, why, _) = information(&mut main, 5, asked);
        assert_eq!((opcode, why), (7, code.to_le_bytes().to_vec()));
    }
}
