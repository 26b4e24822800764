//! Commands, addresses, working counters.

use super::*;

fn three() -> Main {
    let mut main = Main::new((0..3).map(|_| probe(1, 1, None).0).collect());
    for position in 0..3 {
        assert_eq!(main.write(position, 0x0010, &(0x1001 + position).to_le_bytes()), 1);
    }
    main
}

#[test]
fn auto_increment_addresses_count_hops() {
    let mut main = three();
    for position in 0..3u16 {
        let p = main.one(Pdu::new(APRD, position.wrapping_neg(), 0x0010, &[0; 2]));
        assert_eq!((p.data, p.wkc), ((0x1001 + position).to_le_bytes().to_vec(), 1));
        assert_eq!(p.adp, 3 - position);
    }
    assert_eq!(main.one(Pdu::new(APRD, 3u16.wrapping_neg(), 0x0010, &[0; 2])).wkc, 0);
}

#[test]
fn configured_addresses_and_the_alias() {
    let mut main = three();
    let p = main.one(Pdu::new(FPRD, 0x1002, 0x0010, &[0; 2]));
    assert_eq!((p.data, p.adp, p.wkc), (vec![0x02, 0x10], 0x1002, 1));
    assert_eq!(main.one(Pdu::new(FPRD, 0x2000, 0x0010, &[0; 2])).wkc, 0);
    assert_eq!(main.one(Pdu::new(FPWR, 0x1003, 0x0F80, &[0x5A])).wkc, 1);
    assert_eq!((0..3).map(|p| main.read(p, 0x0F80, 1).0[0]).collect::<Vec<_>>(), [0, 0, 0x5A]);
    // Alias 0 answers only when DL control says so.
    assert_eq!(main.one(Pdu::new(FPRD, 0, 0x0010, &[0; 2])).wkc, 0);
    assert_eq!(main.write(1, 0x0103, &[1]), 1);
    assert_eq!(main.one(Pdu::new(FPRD, 0, 0x0010, &[0; 2])).data, vec![0x02, 0x10]);
}

#[test]
fn broadcasts_reach_all_and_reads_are_ored() {
    let mut main = three();
    let p = main.one(Pdu::new(BRD, 0, 0x0010, &[0; 2]));
    assert_eq!((p.data, p.adp, p.wkc), (vec![0x03, 0x10], 3, 3));
    // What the datagram brings stays in.
    assert_eq!(main.one(Pdu::new(BRD, 0, 0x0010, &[0x40, 0])).data, vec![0x43, 0x10]);
    assert_eq!(main.one(Pdu::new(BWR, 0, 0x0F80, &[5])).wkc, 3);
    // Read-write: +1 read and +2 written for each of them.
    let p = main.one(Pdu::new(BRW, 0, 0x0F80, &[8]));
    assert_eq!((p.data, p.wkc), (vec![13], 9));
    assert_eq!(main.read(2, 0x0F80, 1).0, vec![13], "the last one was written what the others had added");
}

#[test]
fn read_write_exchanges() {
    let mut main = three();
    main.write(1, 0x0F80, &[1, 2, 3]);
    let p = main.one(Pdu::new(FPRW, 0x1002, 0x0F80, &[7, 8, 9]));
    assert_eq!((p.data, p.wkc), (vec![1, 2, 3], 3));
    assert_eq!(main.read(1, 0x0F80, 3).0, vec![7, 8, 9]);
    // Read-only registers: the read counts, the write does not.
    assert_eq!(main.one(Pdu::new(FPRW, 0x1002, 0x0000, &[0])).wkc, 1);
}

#[test]
fn read_multiple_write_copies_from_one_to_the_others() {
    let mut main = three();
    main.write(0, 0x0F80, &[0xAA]);
    let p = main.one(Pdu::new(FRMW, 0x1001, 0x0F80, &[0]));
    assert_eq!((p.data, p.wkc), (vec![0xAA], 3));
    assert_eq!(main.read(2, 0x0F80, 1).0, vec![0xAA]);
    main.write(1, 0x0F80, &[0xBB]);
    // The first one is written what the frame brings: it stands before the one that is read.
    let p = main.one(Pdu::new(ARMW, 0xFFFF, 0x0F80, &[0x11]));
    assert_eq!((p.data, p.adp, p.wkc), (vec![0xBB], 2, 3));
    assert_eq!((main.read(0, 0x0F80, 1).0, main.read(2, 0x0F80, 1).0), (vec![0x11], vec![0xBB]));
}

#[test]
fn datagrams_of_a_frame_act_in_order() {
    let mut main = three();
    let back = main.frame(&[
        Pdu::new(APWR, 0, 0x0F80, &[1]),
        Pdu::new(APRD, 0, 0x0F80, &[0]),
        Pdu::new(APWR, 0, 0x0F80, &[2]),
        Pdu::new(APRD, 0, 0x0F80, &[0]),
    ]);
    assert_eq!((back[1].data[0], back[3].data[0]), (1, 2));
}

#[test]
fn identity_registers_and_read_only_memory() {
    let mut main = three();
    assert_eq!(main.read(0, 0, 10).0, vec![0x11, 0, 2, 0, 4, 4, 8, 0x0F, 0x0C, 0]);
    assert_eq!(main.write(0, 0x0000, &[1, 2, 3]), 0);
    assert_eq!(main.write(0, 0x0130, &[8, 0]), 0);
    // Beyond the RAM nothing answers; a read that begins inside does.
    assert_eq!(main.read(0, 0x3000, 4).1, 0);
    assert_eq!(main.read(0, 0x2FFE, 4).1, 1);
    assert_eq!(main.read(0, 0xFFFF, 4).1, 0);
    // Error counters are cleared by any write.
    assert_eq!(main.write(0, 0x0300, &[0xFF; 20]), 1);
    assert_eq!(main.read(0, 0x0300, 20).0, vec![0; 20]);
}

#[test]
fn links_tell_the_topology() {
    let mut main = three();
    // Port 0 open in all; port 1 closed in the last; ports 2 and 3 closed.
    assert_eq!(main.read_u16(0, 0x0110), 0x5003 | 0x0A30);
    assert_eq!(main.read_u16(1, 0x0110), 0x5003 | 0x0A30);
    assert_eq!(main.read_u16(2, 0x0110), 0x5003 | 0x0210 | 0x0400);
    main.segment.set_power(1, false);
    assert_eq!(main.read_u16(0, 0x0110), 0x5003 | 0x0210 | 0x0400);
    assert_eq!(main.one(Pdu::new(BRD, 0, 0, &[0])).wkc, 1, "what is behind is unreachable");
    main.segment.set_power(1, true);
    assert_eq!(main.one(Pdu::new(BRD, 0, 0, &[0])).wkc, 3);
    assert_eq!(main.read_u16(1, 0x0010), 0, "registers are lost with the power");
    assert_eq!(main.read_u16(2, 0x0010), 0x1003);
}

#[test]
fn event_requests_ride_on_datagrams_under_their_mask() {
    let mut main = three();
    // AL status changes at power-on: bit 3.
    assert_eq!(main.one(Pdu::new(BRD, 0, 0, &[0])).irq, 0);
    main.write(1, 0x0200, &[0x08, 0x00]);
    assert_eq!(main.one(Pdu::new(BRD, 0, 0, &[0])).irq, 0x08);
    main.read_u16(1, 0x0130);
    assert_eq!(main.one(Pdu::new(BRD, 0, 0, &[0])).irq, 0, "reading the status takes it back");
}
