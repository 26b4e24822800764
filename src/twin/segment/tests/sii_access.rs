//! SII registers and the image behind them.

use super::*;

/// Reads two words; panics on an error bit.
fn words(main: &mut Main, word: u32) -> [u16; 2] {
    let mut r = 0x0100u16.to_le_bytes().to_vec();
    r.extend(word.to_le_bytes());
    assert_eq!(main.write(0, 0x0502, &r), 1);
    assert_eq!(main.read_u16(0, 0x0502) & 0xF900, 0, "not busy, no error");
    let data = main.read(0, 0x0508, 4).0;
    [u16::from_le_bytes([data[0], data[1]]), u16::from_le_bytes([data[2], data[3]])]
}

fn image(main: &mut Main, from: u32, to: u32) -> Vec<u8> {
    (from..to).step_by(2).flat_map(|w| words(main, w)).flat_map(|w| w.to_le_bytes()).collect()
}

/// Categories of the image: type and data.
fn categories(main: &mut Main) -> Vec<(u16, Vec<u8>)> {
    let (mut at, mut found) = (0x40, Vec::new());
    loop {
        let [kind, len] = words(main, at);
        if kind == 0xFFFF {
            return found;
        }
        let data = image(main, at + 2, at + 2 + u32::from(len));
        found.push((kind, data[..usize::from(len) * 2].to_vec()));
        at += 2 + u32::from(len);
    }
}

#[test]
fn fixed_words() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    assert_eq!(words(&mut main, 0x08), [TWIN_VENDOR as u16, (TWIN_VENDOR >> 16) as u16]);
    assert_eq!((words(&mut main, 0x0A)[0], words(&mut main, 0x0C)[0], words(&mut main, 0x0E)[0]), (9, 2, 77));
    assert_eq!((words(&mut main, 0x18), words(&mut main, 0x1A)), ([0x1000, 128], [0x1400, 128]));
    assert_eq!(words(&mut main, 0x1C)[0], 0x0004, "CoE");
    assert_eq!(words(&mut main, 0x3E)[1], 1);
    // Read at an odd word: still two words from there.
    assert_eq!(words(&mut main, 0x19), [128, 0x1400]);
}

#[test]
fn categories_follow_the_description() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    let found = categories(&mut main);
    let of = |kind| &found.iter().find(|(k, _)| *k == kind).expect("category").1;
    assert_eq!(of(10)[..7], *b"\x03\x05PROBE");
    assert_eq!((of(30)[3], of(30)[5]), (1, 0x23), "name; CoE with SDO information and complete access");
    assert_eq!(of(40)[..3], [1, 2, 3]);
    let sm: Vec<&[u8]> = of(41).chunks(8).collect();
    assert_eq!(sm[0], [0x00, 0x10, 128, 0, 0x26, 0, 1, 1]);
    assert_eq!(sm[1], [0x00, 0x14, 128, 0, 0x22, 0, 1, 2]);
    assert_eq!(sm[2], [0x00, 0x18, 2, 0, 0x64, 0, 1, 3]);
    assert_eq!(sm[3], [0x00, 0x24, 3, 0, 0x20, 0, 1, 4]);
    assert_eq!(of(50)[..4], [0x00, 0x1A, 3, 3]);
    assert_eq!(of(51)[..4], [0x00, 0x16, 2, 2]);
    assert_eq!(of(51)[8..16], [0x00, 0x70, 1, 3, 0x05, 8, 0, 0]);
}

#[test]
fn a_simple_device_has_one_sync_manager_a_direction() {
    for (outputs, inputs, expected) in [(2, 0, vec![3]), (0, 2, vec![4]), (1, 1, vec![3, 4]), (0, 0, vec![])]
    {
        let mut main = Main::new(vec![probe(outputs, inputs, None).0]);
        let found = categories(&mut main);
        let kinds =
            |kind: u16| found.iter().find(|(k, _)| *k == kind).map(|(_, d)| d.clone()).unwrap_or_default();
        assert_eq!(kinds(41).chunks(8).map(|sm| sm[7]).collect::<Vec<_>>(), expected);
        assert_eq!(words(&mut main, 0x1C)[0], 0);
    }
}

#[test]
fn the_alias_is_written_and_loaded() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    let alias = 0x1234u16;
    let mut area = image(&mut main, 0, 8);
    area[8..10].copy_from_slice(&alias.to_le_bytes());
    let crc = area[..14].iter().fold(0xFFu8, |crc, b| {
        (0..8).fold(crc ^ b, |c, _| if c & 0x80 != 0 { c << 1 ^ 0x07 } else { c << 1 })
    });
    for (word, value) in [(4u32, alias), (7, u16::from(crc))] {
        main.write(0, 0x0508, &value.to_le_bytes());
        let mut r = 0x0201u16.to_le_bytes().to_vec();
        r.extend(word.to_le_bytes());
        main.write(0, 0x0502, &r);
        assert_eq!(main.read_u16(0, 0x0502) & 0x2000, 0);
    }
    assert_eq!(main.read_u16(0, 0x0012), 0, "loaded at power-on, or by command");
    main.write(0, 0x0502, &0x0400u16.to_le_bytes());
    assert_eq!(main.read_u16(0, 0x0012), alias);
    main.segment.set_power(0, false);
    main.segment.set_power(0, true);
    assert_eq!(main.read_u16(0, 0x0012), alias);
}

#[test]
fn a_wrong_checksum_is_reported_and_nothing_loaded() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    main.write(0, 0x0508, &[0x34, 0x12]);
    main.write(0, 0x0502, &[0x01, 0x02, 4, 0, 0, 0]);
    main.write(0, 0x0502, &0x0400u16.to_le_bytes());
    assert_eq!(main.read_u16(0, 0x0502) & 0x0800, 0x0800);
    assert_eq!(main.read_u16(0, 0x0012), 0);
}

#[test]
fn access_belongs_to_one_side() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    main.write(0, 0x0500, &[1, 0]);
    main.write(0, 0x0502, &[0x00, 0x01, 8, 0, 0, 0]);
    assert_eq!(main.read_u16(0, 0x0502) & 0x2000, 0x2000);
    // Force it back.
    main.write(0, 0x0500, &[2, 0]);
    words(&mut main, 8);
    // A write without write enable, two commands at once, a word that is not there.
    for command in [0x0200u16, 0x0301] {
        let mut r = command.to_le_bytes().to_vec();
        r.extend(8u32.to_le_bytes());
        main.write(0, 0x0502, &r);
        assert_eq!(main.read_u16(0, 0x0502) & 0x2000, 0x2000, "{command:#x}");
    }
    main.write(0, 0x0502, &[0x01, 0x02, 0xFF, 0xFF, 0xFF, 0xFF]);
    assert_eq!(main.read_u16(0, 0x0502) & 0x2000, 0x2000);
    assert_eq!(words(&mut main, 0xFFFF_FFFF), [0xFFFF, 0xFFFF]);
}
