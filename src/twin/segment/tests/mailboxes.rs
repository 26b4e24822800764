//! Mailbox and CoE.

use super::*;

const FULL: u8 = 0x08;

/// A whole mailbox of 128 bytes with one message of `kind`.
pub(super) fn request(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut mailbox = (data.len() as u16).to_le_bytes().to_vec();
    mailbox.extend([0, 0, 0, kind | 1 << 4]);
    mailbox.extend(data);
    mailbox.resize(128, 0);
    mailbox
}

pub(super) fn sdo(command: u8, index: u16, sub: u8, data: &[u8]) -> Vec<u8> {
    let mut coe = vec![0x00, 0x20, command];
    coe.extend(index.to_le_bytes());
    coe.push(sub);
    coe.extend(data);
    coe.resize(coe.len().max(10), 0);
    coe
}

pub(super) fn upload(index: u16, sub: u8) -> Vec<u8> {
    sdo(0x40, index, sub, &[])
}

pub(super) fn full(main: &mut Main, sm: u16) -> bool {
    main.read(0, 0x0805 + 8 * sm, 1).0[0] & FULL != 0
}

/// Sends one message and returns type and data of the answer.
pub(super) fn ask(main: &mut Main, kind: u8, data: &[u8]) -> (u8, Vec<u8>) {
    assert_eq!(main.write(0, 0x1000, &request(kind, data)), 1);
    let answer = fetch(main);
    assert!(!full(main, 1), "reading the last byte empties the mailbox");
    answer
}

/// Reads the message that waits.
pub(super) fn fetch(main: &mut Main) -> (u8, Vec<u8>) {
    assert!(full(main, 1), "an answer waits");
    let (reply, wkc) = main.read(0, 0x1400, 128);
    assert_eq!(wkc, 1);
    let len = usize::from(u16::from_le_bytes([reply[0], reply[1]]));
    (reply[5] & 0x0F, reply[6..6 + len].to_vec())
}

/// Value of an object, or the abort code.
pub(super) fn read(main: &mut Main, index: u16, sub: u8) -> Result<Vec<u8>, u32> {
    let (kind, r) = ask(main, 3, &upload(index, sub));
    assert_eq!(kind, 3);
    answer(&r, index, sub)
}

pub(super) fn answer(r: &[u8], index: u16, sub: u8) -> Result<Vec<u8>, u32> {
    assert_eq!((r[3], r[4], r[5]), (index as u8, (index >> 8) as u8, sub));
    let long = u32::from_le_bytes([r[6], r[7], r[8], r[9]]);
    match (r[1] >> 4, r[2]) {
        (2, 0x80) => Err(long),
        (3, 0x41) => Ok(r[10..10 + long as usize].to_vec()),
        (3, c) if c & 0xE3 == 0x43 => Ok(r[6..10 - usize::from(c >> 2 & 3)].to_vec()),
        (3, 0x60) => Ok(vec![]),
        other => panic!("{other:x?}"),
    }
}

pub(super) fn write(main: &mut Main, index: u16, sub: u8, value: &[u8]) -> Result<Vec<u8>, u32> {
    let message = if value.len() <= 4 {
        sdo(0x23 | (4 - value.len() as u8) << 2, index, sub, value)
    } else {
        let mut data = (value.len() as u32).to_le_bytes().to_vec();
        data.extend(value);
        sdo(0x21, index, sub, &data)
    };
    let (_, r) = ask(main, 3, &message);
    answer(&r, index, sub)
}

#[test]
fn communication_area() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    let mut get = |index, sub| read(&mut main, index, sub);
    assert_eq!(get(0x1000, 0), Ok(vec![0x89, 0x13, 0, 0]));
    assert_eq!(get(0x1008, 0), Ok(b"PROBE".to_vec()), "five bytes: a normal upload");
    assert_eq!(get(0x1009, 0), Ok(b"A0".to_vec()));
    assert_eq!(get(0x100A, 0), Ok(b"1.2.3".to_vec()));
    assert_eq!(get(0x1018, 0), Ok(vec![4]));
    assert_eq!(get(0x1018, 1), Ok(TWIN_VENDOR.to_le_bytes().to_vec()));
    assert_eq!(get(0x1018, 4), Ok(vec![77, 0, 0, 0]));
    assert_eq!((get(0x1C00, 0), get(0x1C00, 3)), (Ok(vec![4]), Ok(vec![3])));
    assert_eq!((get(0x1C12, 0), get(0x1C12, 1)), (Ok(vec![1]), Ok(vec![0x00, 0x16])));
    assert_eq!((get(0x1C13, 0), get(0x1C13, 1)), (Ok(vec![1]), Ok(vec![0x00, 0x1A])));
    assert_eq!((get(0x1600, 0), get(0x1600, 2)), (Ok(vec![2]), Ok(vec![8, 2, 0, 0x70])));
    assert_eq!((get(0x1A00, 0), get(0x1A00, 3)), (Ok(vec![3]), Ok(vec![8, 3, 0, 0x60])));
}

#[test]
fn objects_of_the_device() {
    let (mut main, told) = probe_in_pre_op(2, 3);
    for value in [&b"x"[..], b"xyz", b"four", b"a value that is longer than four bytes"] {
        assert_eq!(write(&mut main, 0x2000, 0, value), Ok(vec![]));
        assert_eq!(told.lock().unwrap().object, value);
        assert_eq!(read(&mut main, 0x2000, 0), Ok(value.to_vec()));
    }
    // Expedited without a size: all four bytes.
    let (_, r) = ask(&mut main, 3, &sdo(0x22, 0x2000, 0, &[1, 2, 3, 4]));
    assert_eq!((answer(&r, 0x2000, 0), told.lock().unwrap().object.clone()), (Ok(vec![]), vec![1, 2, 3, 4]));
}

#[test]
fn abort_codes() {
    let (mut main, told) = probe_in_pre_op(2, 3);
    assert_eq!(read(&mut main, 0x5555, 0), Err(0x0602_0000));
    assert_eq!(read(&mut main, 0x1018, 5), Err(0x0609_0011));
    assert_eq!(read(&mut main, 0x1000, 1), Err(0x0609_0011));
    assert_eq!(read(&mut main, 0x2000, 1), Err(0x0609_0011));
    assert_eq!(write(&mut main, 0x1018, 1, &[0; 4]), Err(0x0601_0002));
    assert_eq!(write(&mut main, 0x1C12, 0, &[0]), Err(0x0601_0002));
    assert_eq!(write(&mut main, 0x1018, 9, &[0; 4]), Err(0x0609_0011));
    assert_eq!(write(&mut main, 0x5555, 0, &[0; 4]), Err(0x0602_0000));
    assert_eq!(write(&mut main, 0x2000, 0, &[0; 104]), Err(0x0607_0010));
    // Longer than any object, either way.
    told.lock().unwrap().object = vec![1; 3_000];
    assert_eq!(read(&mut main, 0x2000, 0), Err(0x0601_0005));
    let (_, r) = ask(&mut main, 3, &sdo(0x21, 0x2000, 0, &[0xFF; 4]));
    assert_eq!(answer(&r, 0x2000, 0), Err(0x0601_0005));
    // Complete access from the middle; a segment out of the blue.
    let (_, r) = ask(&mut main, 3, &sdo(0x50, 0x1018, 2, &[]));
    assert_eq!(answer(&r, 0x1018, 2), Err(0x0601_0000));
    let (_, r) = ask(&mut main, 3, &sdo(0x60, 0x1018, 1, &[]));
    assert_eq!(answer(&r, 0x1018, 1), Err(0x0504_0001));
}

#[test]
fn mailbox_errors() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    let mut detail = |kind, data: &[u8]| {
        let (kind, r) = ask(&mut main, kind, data);
        assert_eq!((kind, r.len(), r[0]), (0, 4, 1));
        r[2]
    };
    assert_eq!(detail(2, &[0; 20]), 0x02, "EoE is not supported");
    assert_eq!(detail(3, &[0]), 0x06);
    assert_eq!(detail(3, &[0x00, 0x20, 0x40, 0x00]), 0x06);
    assert_eq!(detail(3, &[0x00, 0x80, 1, 0, 0, 0, 1]), 0x06, "SDO information cut short");
    assert_eq!(detail(3, &[0x00, 0x60, 1, 0, 0, 0, 1, 0]), 0x04, "remote TxPDO");
    assert_eq!(detail(3, &[0x00, 0xF0, 0, 0]), 0x05);
    // A length beyond the mailbox.
    let mut wrong = request(3, &upload(0x1000, 0));
    wrong[..2].copy_from_slice(&500u16.to_le_bytes());
    main.write(0, 0x1000, &wrong);
    assert_eq!(fetch(&mut main), (0, vec![1, 0, 8, 0]));
    // A mailbox error from the MainDevice is not answered.
    main.write(0, 0x1000, &request(0, &[1, 0, 2, 0]));
    assert!(!full(&mut main, 1));
}

#[test]
fn counters_run_from_one_to_seven() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    let counters: Vec<u8> = (0..9)
        .map(|_| {
            main.write(0, 0x1000, &request(3, &upload(0x1000, 0)));
            main.read(0, 0x1400, 128).0[5] >> 4
        })
        .collect();
    assert_eq!(counters, [1, 2, 3, 4, 5, 6, 7, 1, 2]);
}

#[test]
fn a_full_mailbox_takes_no_write_and_an_empty_one_no_read() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    assert_eq!(main.read(0, 0x1400, 128).1, 0);
    let first = request(3, &upload(0x1018, 1));
    let second = request(3, &upload(0x1018, 2));
    assert_eq!(main.write(0, 0x1000, &first), 1);
    assert_eq!(main.write(0, 0x1000, &second), 1, "the first is answered already");
    assert!(full(&mut main, 0), "the second waits until the answer is read");
    assert_eq!(main.write(0, 0x1000, &first), 0);
    assert_eq!(fetch(&mut main).1[5], 1);
    assert!(!full(&mut main, 0));
    assert_eq!(fetch(&mut main).1[5], 2);
}

#[test]
fn a_message_may_come_and_go_in_parts() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    let message = request(3, &upload(0x1018, 1));
    assert_eq!(main.write(0, 0x1040, &message[64..]), 0, "not from the first byte");
    assert_eq!(main.write(0, 0x1000, &message[..64]), 1);
    assert!(!full(&mut main, 1));
    assert_eq!(main.write(0, 0x1040, &message[64..]), 1);
    assert!(full(&mut main, 1));
    assert_eq!(main.read(0, 0x1440, 64).1, 0);
    assert_eq!(main.read(0, 0x1400, 64).1, 1);
    assert!(full(&mut main, 1));
    assert_eq!(main.read(0, 0x1440, 64).1, 1);
    assert!(!full(&mut main, 1));
}

#[test]
fn a_lost_answer_can_be_asked_for_again() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    let first = ask(&mut main, 3, &upload(0x1018, 1));
    // Toggle the repeat request of SyncManager 1.
    assert_eq!(main.write(0, 0x080E, &[0x03]), 1);
    assert_eq!(main.read(0, 0x080F, 1).0[0] & 0x02, 0x02, "acknowledged");
    assert_eq!(fetch(&mut main), first);
}

#[test]
fn emergencies_come_when_the_mailbox_is_free() {
    let (mut main, told) = probe_in_op(2, 3);
    let emergency = Emergency { code: 0x8611, error_register: 0x81, data: [1, 2, 3, 4, 5] };
    main.write(0, 0x1000, &request(3, &upload(0x1000, 0)));
    told.lock().unwrap().emergencies.push(emergency);
    main.pass(MS);
    assert_eq!(fetch(&mut main).1[1], 0x30, "the answer first");
    assert_eq!(fetch(&mut main), (3, vec![0x00, 0x10, 0x11, 0x86, 0x81, 1, 2, 3, 4, 5]));
    assert!(!full(&mut main, 1));
}

#[test]
fn init_empties_the_mailbox() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    main.write(0, 0x1000, &request(3, &upload(0x1000, 0)));
    main.request(0, 1, false);
    assert!(!full(&mut main, 1));
    // In INIT a message is taken by the ESC, but nobody answers.
    main.write(0, 0x1000, &request(3, &upload(0x1000, 0)));
    assert!(full(&mut main, 0));
    main.pass(MS);
    assert!(!full(&mut main, 1));
    assert_eq!(main.request(0, 2, false), (2, 0));
    assert!(!full(&mut main, 0));
}
