//! FMMUs and logical commands.

use super::*;

const READ: u8 = 1;
const WRITE: u8 = 2;

#[test]
fn outputs_go_out_and_inputs_come_in() {
    let (mut main, told) = probe_in_op(2, 3);
    main.fmmu(0, 0, 0x1_0000, 2, (0, 7), 0x1800, 0, WRITE);
    main.fmmu(0, 1, 0x1_0002, 3, (0, 7), 0x2400, 0, READ);
    told.lock().unwrap().inputs = vec![7, 8, 9];
    let p = main.one(Pdu::logical(LRW, 0x1_0000, &[1, 2, 0, 0, 0]));
    assert_eq!((p.data, p.wkc), (vec![1, 2, 7, 8, 9], 3));
    assert_eq!((p.adp, p.ado), (0, 1), "a logical address is no hop counter");
    assert_eq!(told.lock().unwrap().outputs.last(), Some(&vec![1, 2]));
    let p = main.one(Pdu::logical(LRD, 0x1_0000, &[0; 5]));
    assert_eq!((p.data, p.wkc), (vec![0, 0, 7, 8, 9], 1));
    let p = main.one(Pdu::logical(LWR, 0x1_0000, &[3, 4, 5, 5, 5]));
    assert_eq!((p.data, p.wkc), (vec![3, 4, 5, 5, 5], 1));
    assert_eq!(told.lock().unwrap().outputs.last(), Some(&vec![3, 4]));
}

#[test]
fn a_write_that_does_not_reach_the_last_byte_is_not_delivered() {
    let (mut main, told) = probe_in_op(3, 0);
    main.fmmu(0, 0, 0, 3, (0, 7), 0x1800, 0, WRITE);
    let before = told.lock().unwrap().outputs.len();
    assert_eq!(main.one(Pdu::logical(LWR, 0, &[1, 2])).wkc, 1);
    assert_eq!(told.lock().unwrap().outputs.len(), before);
    assert_eq!(main.one(Pdu::logical(LWR, 2, &[3])).wkc, 1, "the buffer is still open");
    assert_eq!(told.lock().unwrap().outputs.last(), Some(&vec![1, 2, 3]));
    // The last byte alone opens and completes nothing.
    let before = told.lock().unwrap().outputs.len();
    main.one(Pdu::logical(LWR, 2, &[9]));
    assert_eq!(told.lock().unwrap().outputs.len(), before);
}

#[test]
fn inputs_count_from_safe_op_on() {
    let (mut main, _) = probe_in_pre_op(0, 3);
    main.fmmu(0, 0, 0x40, 3, (0, 7), 0x2400, 0, READ);
    assert_eq!(main.one(Pdu::logical(LRD, 0x40, &[0; 3])).wkc, 0);
    main.request(0, 4, false);
    assert_eq!(main.one(Pdu::logical(LRD, 0x40, &[0; 3])).wkc, 1);
}

#[test]
fn the_wrong_direction_is_refused() {
    let (mut main, told) = probe_in_op(2, 3);
    let before = told.lock().unwrap().outputs.len();
    assert_eq!(main.read(0, 0x1800, 2).1, 0);
    assert_eq!(main.write(0, 0x2400, &[1, 2, 3]), 0);
    main.fmmu(0, 0, 0, 2, (0, 7), 0x1800, 0, READ);
    main.fmmu(0, 1, 2, 3, (0, 7), 0x2400, 0, WRITE);
    assert_eq!(main.one(Pdu::logical(LRW, 0, &[1; 5])).wkc, 0);
    assert_eq!(told.lock().unwrap().outputs.len(), before);
}

#[test]
fn one_image_over_several_devices() {
    let models: Vec<_> = (0..3).map(|_| probe(1, 1, None)).collect();
    let told: Vec<_> = models.iter().map(|(_, t)| t.clone()).collect();
    let mut main = Main::new(models.into_iter().map(|(m, _)| m).collect());
    for d in 0..3u16 {
        main.sync_manager(d, 0, 0x1800, 1, 0x64);
        main.sync_manager(d, 1, 0x2400, 1, 0x20);
        main.fmmu(d, 0, u32::from(d), 1, (0, 7), 0x1800, 0, WRITE);
        main.fmmu(d, 1, 8 + u32::from(d), 1, (0, 7), 0x2400, 0, READ);
        told[usize::from(d)].lock().unwrap().inputs = vec![0xA0 + d as u8];
        main.request(d, 2, false);
        main.request(d, 4, false);
        main.write(d, 0x1800, &[0]);
        assert_eq!(main.request(d, 8, false), (8, 0));
    }
    let p = main.one(Pdu::logical(LRW, 0, &[1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!((p.data, p.wkc), (vec![1, 2, 3, 0, 0, 0, 0, 0, 0xA0, 0xA1, 0xA2], 9));
    for (d, t) in told.iter().enumerate() {
        assert_eq!(t.lock().unwrap().outputs.last(), Some(&vec![d as u8 + 1]));
    }
    // A datagram that covers only some of them.
    assert_eq!(main.one(Pdu::logical(LRD, 9, &[0, 0])).data, vec![0xA1, 0xA2]);
    assert_eq!(main.one(Pdu::logical(LRW, 100, &[0; 8])).wkc, 0);
}

#[test]
fn bits_are_packed() {
    let (mut main, told) = probe_in_op(1, 1);
    // Output bits 2..=4 stand at image bit 6 of byte 0 to bit 0 of byte 1; inputs bits 3..=5 likewise.
    main.fmmu(0, 0, 0x20, 2, (6, 0), 0x1800, 2, WRITE);
    main.fmmu(0, 1, 0x20, 2, (1, 3), 0x2400, 5, READ);
    main.write(0, 0x1800, &[0b1110_0011]);
    main.one(Pdu::logical(LWR, 0x20, &[0b0100_0000, 0b0000_0001]));
    assert_eq!(told.lock().unwrap().outputs.last(), Some(&vec![0b1111_0111]), "neighbours keep their value");

    let (mut main, told) = probe_in_op(0, 1);
    main.fmmu(0, 1, 0x20, 1, (1, 3), 0x2400, 5, READ);
    told.lock().unwrap().inputs = vec![0b1010_0000];
    let p = main.one(Pdu::logical(LRD, 0x20, &[0b1000_0101]));
    assert_eq!((p.data, p.wkc), (vec![0b1000_1011], 1));
}

#[test]
fn registers_can_be_mapped() {
    // The full bit of SyncManager 1, as a MainDevice polls mailboxes of all devices at once.
    let (mut main, _) = probe_in_pre_op(2, 3);
    main.fmmu(0, 2, 0x100, 1, (0, 0), 0x080D, 3, READ);
    assert_eq!(main.one(Pdu::logical(LRD, 0x100, &[0])).data, vec![0]);
    main.write(0, 0x1000, &mailboxes::request(3, &mailboxes::upload(0x1000, 0)));
    let p = main.one(Pdu::logical(LRD, 0x100, &[0]));
    assert_eq!((p.data, p.wkc), (vec![1], 1));
    // A whole byte of it.
    main.fmmu(0, 2, 0x100, 1, (0, 7), 0x080D, 0, READ);
    assert_eq!(main.one(Pdu::logical(LRD, 0x100, &[0])).data, vec![8]);
}

#[test]
fn an_inactive_or_empty_fmmu_maps_nothing() {
    let (mut main, _) = probe_in_op(2, 3);
    main.fmmu(0, 0, 0, 0, (0, 7), 0x2400, 0, READ);
    assert_eq!(main.one(Pdu::logical(LRD, 0, &[0; 3])).wkc, 0);
    main.fmmu(0, 0, 0, 3, (0, 7), 0x2400, 0, READ);
    main.write(0, 0x060C, &[0]);
    assert_eq!(main.one(Pdu::logical(LRD, 0, &[0; 3])).wkc, 0);
    // The end of the address space.
    main.fmmu(0, 0, 0xFFFF_FFFE, 3, (0, 7), 0x2400, 0, READ);
    assert_eq!(main.one(Pdu::logical(LRD, 0xFFFF_FFFE, &[0; 3])).wkc, 1);
}
