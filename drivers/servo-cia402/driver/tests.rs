use cellwright_driver_api::cyclic::{DriveState, HomingState};
use cellwright_model::pdos::{Mapped, PdoMap, Pdos};

use super::*;

const MS: u64 = 1_000_000;

fn driver() -> ServoDriver {
    ServoDriver::new(ServoParameters {
        counts_per_au: 100.0,
        torque_rated_nm: 0.5,
        transition_timeout: DurationNs::from_millis(50),
    })
}

fn inputs(statusword: u16, mode: i8, position: i32) -> [u8; INPUT_BYTES] {
    let mut b = [0; INPUT_BYTES];
    b[0..2].copy_from_slice(&statusword.to_le_bytes());
    b[2] = mode as u8;
    b[4..8].copy_from_slice(&position.to_le_bytes());
    b[8..12].copy_from_slice(&(-2500i32).to_le_bytes());
    b[12..14].copy_from_slice(&(-400i16).to_le_bytes());
    b[14..18].copy_from_slice(&50i32.to_le_bytes());
    b[18..20].copy_from_slice(&0x8611u16.to_le_bytes());
    b
}

/// One cycle: inputs, then outputs as (controlword, mode, position, torque).
fn cycle(
    d: &mut ServoDriver,
    t: u64,
    statusword: u16,
    mode: i8,
    position: i32,
    output: AxisOutput,
) -> (u16, i8, i32, i16) {
    d.decode(&inputs(statusword, mode, position));
    let mut b = [0xEE; OUTPUT_BYTES];
    d.encode(TimeNs(t * MS), &output, &mut b);
    (
        u16::from_le_bytes([b[0], b[1]]),
        b[2] as i8,
        i32::from_le_bytes([b[4], b[5], b[6], b[7]]),
        i16::from_le_bytes([b[8], b[9]]),
    )
}

const ON: AxisOutput = AxisOutput {
    power: true,
    quick_stop: false,
    reset_fault: true,
    mode: DriveMode::Csp,
    position_au: 777.0,
    velocity_au_s: 33.0,
    torque_nm: 0.1,
    home: false,
};
const CSV: AxisOutput = AxisOutput { mode: DriveMode::Csv, ..ON };
const CST: AxisOutput = AxisOutput { mode: DriveMode::Cst, ..ON };
const OFF: AxisOutput = AxisOutput { power: false, ..ON };

#[test]
fn values_are_scaled() {
    let input = driver().decode(&inputs(0x0237, 8, 1234));
    assert_eq!(input.state, DriveState::OperationEnabled);
    assert_eq!(input.mode, Some(DriveMode::Csp));
    assert!((input.position_au - 12.34).abs() < 1e-12);
    assert!((input.velocity_au_s + 25.0).abs() < 1e-12);
    assert!((input.torque_nm + 0.2).abs() < 1e-12);
    assert!((input.following_error_au - 0.5).abs() < 1e-12);
    assert_eq!(input.error_code, 0x8611);
}

#[test]
fn states_of_the_statusword_table() {
    for (word, state) in [
        (0x0000, DriveState::NotReady),
        (0x0250, DriveState::SwitchOnDisabled),
        (0x0231, DriveState::ReadyToSwitchOn),
        (0x0233, DriveState::SwitchedOn),
        (0x1637, DriveState::OperationEnabled),
        (0x0217, DriveState::QuickStop),
        (0x021F, DriveState::FaultReaction),
        (0x0218, DriveState::Fault),
        (0x4240, DriveState::SwitchOnDisabled),
    ] {
        assert_eq!(sequence::state(word), state, "{word:#06x}");
    }
    assert!(sequence::sto(0x4240) && !sequence::sto(0x0240));
}

#[test]
fn enabling_walks_the_pds_and_sends_the_actual_position_until_csp_is_displayed() {
    let mut d = driver();
    assert_eq!(cycle(&mut d, 0, 0x0250, 0, 500, ON), (0x06, 8, 500, 0));
    assert_eq!(cycle(&mut d, 1, 0x0231, 0, 501, ON), (0x07, 8, 501, 0));
    assert_eq!(cycle(&mut d, 2, 0x0233, 8, 502, ON), (0x0F, 8, 502, 0));
    assert_eq!(cycle(&mut d, 3, 0x0237, 10, 503, ON), (0x0F, 8, 503, 0), "not yet CSP");
    assert_eq!(cycle(&mut d, 4, 0x0237, 8, 504, ON), (0x0F, 8, 77_700, 0));
}

#[test]
fn torque_is_sent_only_when_cst_is_displayed() {
    let mut d = driver();
    cycle(&mut d, 0, 0x0237, 8, 500, ON);
    assert_eq!(cycle(&mut d, 1, 0x0237, 8, 500, CST), (0x0F, 10, 77_700, 0), "the setpoint is kept");
    assert_eq!(cycle(&mut d, 2, 0x0237, 10, 510, CST), (0x0F, 10, 510, 200));
    assert_eq!(cycle(&mut d, 3, 0x0237, 10, 520, ON), (0x0F, 8, 520, 0), "back: torque off at once");
    assert_eq!(cycle(&mut d, 4, 0x0237, 8, 530, ON), (0x0F, 8, 77_700, 0));
}

#[test]
fn a_quick_stop_is_told_to_a_drive_that_is_enabled_until_it_is_off() {
    let mut d = driver();
    let stop = AxisOutput { quick_stop: true, ..ON };
    assert_eq!(cycle(&mut d, 0, 0x0237, 8, 500, ON).0, 0x0F);
    assert_eq!(cycle(&mut d, 1, 0x0237, 8, 510, stop).0, 0x02);
    assert_eq!(cycle(&mut d, 2, 0x0217, 8, 520, stop), (0x02, 8, 520, 0), "on its ramp");
    assert_eq!(cycle(&mut d, 3, 0x0250, 8, 530, stop).0, 0x00, "and not enabled again");
}

/// As `cycle`, the target velocity.
fn velocity(d: &mut ServoDriver, statusword: u16, mode: i8, output: AxisOutput) -> i32 {
    d.decode(&inputs(statusword, mode, 500));
    let mut b = [0xEE; OUTPUT_BYTES];
    d.encode(TimeNs(0), &output, &mut b);
    i32::from_le_bytes([b[10], b[11], b[12], b[13]])
}

/// The inputs say -2500 counts/s.
#[test]
fn velocity_is_sent_only_when_csv_is_displayed_and_the_actual_one_on_the_way_there() {
    let mut d = driver();
    assert_eq!(velocity(&mut d, 0x0237, 8, ON), 0);
    assert_eq!(velocity(&mut d, 0x0237, 8, CSV), -2_500);
    assert_eq!(velocity(&mut d, 0x0237, 9, CSV), 3_300);
    assert_eq!(velocity(&mut d, 0x0237, 9, ON), 3_300, "kept until the new mode is displayed");
    assert_eq!(velocity(&mut d, 0x0237, 8, ON), 0);
    assert_eq!(velocity(&mut d, 0x0233, 9, CSV), 0, "not enabled");
    assert_eq!(velocity(&mut d, 0x0237, 9, AxisOutput { power: false, ..CSV }), 0);
    let wild = |v| AxisOutput { velocity_au_s: v, ..CSV };
    assert_eq!(velocity(&mut d, 0x0237, 9, wild(f64::NAN)), 0);
    assert_eq!(velocity(&mut d, 0x0237, 9, wild(-1e12)), i32::MIN);
}

#[test]
fn homing_is_begun_only_where_it_is_displayed() {
    let mut d = driver();
    let homing = AxisOutput { mode: DriveMode::Homing, home: true, ..ON };
    assert_eq!(cycle(&mut d, 0, 0x0237, 8, 500, homing), (0x0F, 6, 77_700, 0), "still CSP");
    assert_eq!(cycle(&mut d, 1, 0x0637, 6, 500, homing), (0x1F, 6, 500, 0));
    let mut says = |word| d.decode(&inputs(word, 6, 500)).homing;
    for (word, state) in [
        (0x0637, HomingState::Waits),
        (0x0237, HomingState::InProgress),
        (0x1237, HomingState::Attained { at_rest: false }),
        (0x1637, HomingState::Attained { at_rest: true }),
        (0x2237, HomingState::Error { at_rest: false }),
        (0x2637, HomingState::Error { at_rest: true }),
    ] {
        assert_eq!(says(word), Some(state), "{word:#06x}");
    }
    assert_eq!(cycle(&mut d, 2, 0x1637, 6, 510, ON), (0x0F, 8, 510, 0), "the bit goes with the mode");
    assert_eq!(d.decode(&inputs(0x1633, 6, 500)).homing, None, "not enabled");
}

/// 6040, 607A; 603F, 6041, 6064: a drive with a small fixed map.
fn small() -> Pdos {
    let map = |index, entries: &[(u16, u8)]| {
        let entries = entries.iter().map(|(index, bits)| Mapped::new(*index, 0, *bits)).collect();
        vec![PdoMap { index, entries }]
    };
    Pdos {
        rx: map(0x1701, &[(0x6040, 16), (0x607A, 32)]),
        tx: map(0x1B01, &[(0x603F, 16), (0x6041, 16), (0x6064, 32)]),
        fixed: None,
    }
}

#[test]
fn a_layout_is_read_from_the_map() {
    assert_eq!(ServoLayout::of(&Pdos::servo()), Ok(ServoLayout::default()));
    let layout = ServoLayout::of(&small()).unwrap();
    assert!(layout.needs_mode_by_sdo());
    let mut d = ServoDriver::with_layout(driver().parameters, layout, DurationNs::from_millis(2));
    assert_eq!((d.output_bytes(), d.input_bytes()), (6, 8));
    assert!(d.supports(DriveMode::Csp) && !d.supports(DriveMode::Cst) && !d.supports(DriveMode::Csv));
    let mut says = |t, position: i32| {
        let mut b = [0x11, 0x86, 0x37, 0x02, 0, 0, 0, 0];
        b[4..].copy_from_slice(&position.to_le_bytes());
        let input = d.decode(&b);
        let mut out = [0xEE; 6];
        d.encode(TimeNs(t), &ON, &mut out);
        (input, out)
    };
    let (input, out) = says(0, 500);
    assert_eq!((input.error_code, input.mode, input.velocity_au_s), (0x8611, Some(DriveMode::Csp), 0.0));
    assert_eq!(out, [0x0F, 0, 0x84, 0x2F, 1, 0], "77,700 counts");
    // 20 counts in 2 ms are 10,000 counts/s and 100 au/s.
    assert_eq!(says(1, 520).0.velocity_au_s, 100.0);
}

#[test]
fn a_map_that_no_axis_can_be_moved_with_is_refused() {
    let mut pdos = small();
    pdos.tx[0].entries.pop();
    let fault = ServoLayout::of(&pdos).unwrap_err().to_string();
    assert_eq!(fault, "no TxPDO carries position actual value (0x6064)");
}

#[test]
fn a_fault_is_reset_by_one_rising_edge() {
    let mut d = driver();
    assert_eq!(cycle(&mut d, 0, 0x0218, 8, 0, ON).0, 0x00);
    assert_eq!(cycle(&mut d, 1, 0x0218, 8, 0, ON).0, 0x80);
    assert_eq!(cycle(&mut d, 2, 0x0218, 8, 0, ON).0, 0x80);
    assert_eq!(cycle(&mut d, 3, 0x0250, 8, 0, ON).0, 0x06);
    let keep = AxisOutput { reset_fault: false, ..ON };
    assert_eq!(cycle(&mut d, 4, 0x0218, 8, 0, keep).0, 0x00, "not asked to reset");
}

#[test]
fn a_drive_that_left_operation_enabled_is_not_enabled_again_until_power_was_taken_back() {
    let mut d = driver();
    // Power has to be asked for before what the drive does counts as done for it.
    cycle(&mut d, 0, 0x0233, 8, 0, ON);
    cycle(&mut d, 1, 0x0237, 8, 0, ON);
    for t in 2..6 {
        assert_eq!(cycle(&mut d, t, 0x0250, 8, 0, ON).0, 0x00);
    }
    assert_eq!(cycle(&mut d, 6, 0x0250, 8, 0, OFF).0, 0x00);
    assert_eq!(cycle(&mut d, 7, 0x0250, 8, 0, ON).0, 0x06);
}

#[test]
fn a_transition_that_takes_too_long_is_overdue_and_progress_starts_the_time_again() {
    let mut d = driver();
    let overdue = |d: &mut ServoDriver, t, word| {
        cycle(d, t, word, 8, 0, ON);
        d.decode(&inputs(word, 8, 0)).overdue.is_some()
    };
    assert!(!overdue(&mut d, 0, 0x0250));
    assert!(!overdue(&mut d, 50, 0x0250));
    assert!(!overdue(&mut d, 51, 0x0231));
    assert!(!overdue(&mut d, 101, 0x0231));
    assert!(overdue(&mut d, 102, 0x0231));
    assert!(!overdue(&mut d, 103, 0x0237), "arrived after all");
    // A mode that is never displayed is overdue, too.
    cycle(&mut d, 104, 0x0237, 8, 0, CST);
    cycle(&mut d, 160, 0x0237, 8, 0, CST);
    assert_eq!(d.decode(&inputs(0x0237, 8, 0)).overdue, Some(DurationNs::from_millis(50)));
}

#[test]
fn short_process_data_and_wild_numbers_do_no_harm() {
    let mut d = driver();
    assert_eq!(d.decode(&[0xff; 19]).state, DriveState::NotReady);
    let mut short = [0x55; 13];
    d.encode(TimeNs(0), &ON, &mut short);
    assert_eq!(short, [0x55; 13]);
    let wild = |v| AxisOutput { position_au: v, torque_nm: v, ..ON };
    assert_eq!(cycle(&mut d, 0, 0x0237, 8, 42, wild(f64::NAN)).2, 42);
    assert_eq!(cycle(&mut d, 0, 0x0237, 8, 42, wild(f64::INFINITY)).2, i32::MAX);
    let wild_cst = |v| AxisOutput { position_au: v, torque_nm: v, ..CST };
    assert_eq!(cycle(&mut d, 0, 0x0237, 10, 42, wild_cst(f64::NAN)).3, 0);
    assert_eq!(cycle(&mut d, 0, 0x0237, 10, 42, wild_cst(1e9)).3, i16::MAX);
}
