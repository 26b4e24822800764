//! The AL state machine and the process data watchdog.

use super::*;

#[test]
fn up_and_down() {
    let (mut main, told) = probe_in_op(2, 3);
    assert_eq!(told.lock().unwrap().outputs, vec![vec![0, 0]]);
    for state in [4, 2, 1] {
        assert_eq!(main.request(0, state, false), (state, 0));
    }
    assert_eq!(told.lock().unwrap().off, 1);
}

#[test]
fn every_way_down_is_taken() {
    for target in [1, 2, 4] {
        let (mut main, told) = probe_in_op(2, 3);
        assert_eq!(main.request(0, target, false), (target, 0));
        assert_eq!(told.lock().unwrap().off, 1);
    }
    let (mut main, _) = probe_in_op(2, 3);
    main.request(0, 4, false);
    assert_eq!(main.request(0, 1, false), (1, 0));
}

#[test]
fn a_step_may_not_be_skipped() {
    for (from, requested) in [(1, 4), (1, 8), (2, 8)] {
        let (mut main, _) = probe_in_pre_op(2, 3);
        main.request(0, from, false);
        assert_eq!(main.request(0, requested, false), (from | 0x10, 0x0011));
    }
}

#[test]
fn unknown_states_and_bootstrap_are_refused() {
    for (requested, code) in [(0, 0x0012), (3, 0x0013), (5, 0x0012), (15, 0x0012)] {
        let (mut main, _) = probe_in_pre_op(2, 3);
        assert_eq!(main.request(0, requested, false), (0x12, code));
    }
}

#[test]
fn an_error_must_be_acknowledged_before_going_up() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    assert_eq!(main.request(0, 8, false), (0x12, 0x0011));
    assert_eq!(main.request(0, 4, false), (0x12, 0x0011), "ignored");
    assert_eq!(main.request(0, 4, true), (4, 0));
    // Down needs no acknowledge, but the error stays until it comes.
    assert_eq!(main.request(0, 15, false), (0x14, 0x0012));
    assert_eq!(main.request(0, 2, false), (0x12, 0x0012));
    assert_eq!(main.request(0, 2, true), (2, 0));
}

#[test]
fn pre_op_needs_a_working_mailbox() {
    let wrong: [&[(u16, u16, u16, u8)]; 6] = [
        &[],
        &[(0, 0x1000, 128, 0x26)],
        &[(0, 0x1000, 128, 0x22), (1, 0x1400, 128, 0x22)],
        &[(0, 0x1000, 20, 0x26), (1, 0x1400, 128, 0x22)],
        &[(0, 0x0F00, 128, 0x26), (1, 0x1400, 128, 0x22)],
        &[(0, 0x1000, 128, 0x26), (1, 0x1040, 128, 0x22)],
    ];
    for managers in wrong {
        let mut main = Main::new(vec![probe(1, 1, Some(MailboxSizes { receive: 128, send: 128 })).0]);
        for (sm, start, len, control) in managers {
            main.sync_manager(0, *sm, *start, *len, *control);
        }
        assert_eq!(main.request(0, 2, false), (0x11, 0x0016), "{managers:?}");
    }
}

#[test]
fn safe_op_needs_process_data_as_mapped() {
    for (sm, len, control, code) in
        [(2, 3, 0x64, 0x1D), (2, 0, 0x64, 0x1D), (2, 2, 0x20, 0x1D), (3, 2, 0x20, 0x1E)]
    {
        let (mut main, _) = probe_in_pre_op(2, 3);
        main.write(0, 0x0800 + 8 * sm + 6, &[0]);
        main.sync_manager(0, sm, 0x1800 + (sm - 2) * 0xC00, len, control);
        assert_eq!(main.request(0, 4, false), (0x12, code), "SM{sm} {len} {control:#x}");
    }
    // A direction without data: its SyncManager must be off.
    let (mut main, _) = probe_in_pre_op(0, 3);
    assert_eq!(main.request(0, 4, false), (4, 0));
    let (mut main, _) = probe_in_pre_op(0, 3);
    main.sync_manager(0, 2, 0x1800, 1, 0x64);
    assert_eq!(main.request(0, 4, false), (0x12, 0x1D));
}

#[test]
fn switching_a_sync_manager_off_falls_back() {
    let (mut main, told) = probe_in_op(2, 3);
    main.write(0, 0x0800 + 8 * 2 + 6, &[0]);
    assert_eq!(main.al(0), (0x12, 0x1D));
    assert_eq!(told.lock().unwrap().off, 1);
    let (mut main, _) = probe_in_op(2, 3);
    main.write(0, 0x0806, &[0]);
    assert_eq!(main.al(0), (0x11, 0x16));
}

#[test]
fn an_active_sync_manager_is_locked() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    main.write(0, 0x0810, &[0x00, 0x20, 9, 0, 0x20, 0xFF, 1, 0xFF]);
    assert_eq!(main.read(0, 0x0810, 8).0, vec![0x00, 0x18, 2, 0, 0x64, 0, 1, 0]);
}

#[test]
fn op_waits_for_the_first_outputs() {
    let (mut main, told) = probe_in_pre_op(2, 3);
    main.write(0, 0x1800, &[9, 9]);
    main.request(0, 4, false);
    assert_eq!(main.request(0, 8, false), (4, 0), "outputs from before SAFE-OP do not count");
    assert!(told.lock().unwrap().outputs.is_empty());
    main.write(0, 0x1800, &[1, 2]);
    assert_eq!(main.al(0), (8, 0));
    assert_eq!(told.lock().unwrap().outputs, vec![vec![1, 2]]);
}

#[test]
fn op_without_outputs_is_refused_after_a_while() {
    let (mut main, _) = probe_in_pre_op(2, 3);
    main.request(0, 4, false);
    main.request(0, 8, false);
    main.pass(5_000 * MS);
    assert_eq!(main.al(0), (4, 0));
    main.pass(MS);
    assert_eq!(main.al(0), (0x14, 0x001B));
}

#[test]
fn outputs_that_stay_away_end_op() {
    let (mut main, told) = probe_in_op(2, 3);
    main.pass(100 * MS);
    assert_eq!(main.al(0), (8, 0));
    assert_eq!(main.read_u16(0, 0x0440), 1);
    main.pass(1);
    assert_eq!(main.al(0), (0x14, 0x001B));
    assert_eq!(told.lock().unwrap().off, 1);
    assert_eq!((main.read_u16(0, 0x0440), main.read(0, 0x0442, 1).0), (0, vec![1]));
    assert_eq!(main.segment.counters().watchdog_trips, 1);
    // Back to OP: acknowledge, outputs, request.
    assert_eq!(main.request(0, 4, true), (4, 0));
    main.write(0, 0x1800, &[0, 0]);
    assert_eq!(main.request(0, 8, false), (8, 0));
}

#[test]
fn the_watchdog_time_is_divider_times_counts_and_zero_switches_it_off() {
    let (mut main, _) = probe_in_op(2, 3);
    main.write(0, 0x0420, &20u16.to_le_bytes());
    main.pass(2 * MS);
    assert_eq!(main.al(0), (8, 0));
    main.pass(1);
    assert_eq!(main.al(0), (0x14, 0x001B));

    let (mut main, _) = probe_in_op(2, 3);
    main.write(0, 0x0420, &[0, 0]);
    main.pass(60_000 * MS);
    assert_eq!(main.al(0), (8, 0));
}

#[test]
fn a_frame_alone_lets_the_watchdog_see_the_time() {
    let (mut main, _) = probe_in_op(2, 3);
    main.now += 101 * MS;
    assert_eq!(main.write(0, 0x1800, &[0, 0]), 1, "too late");
    assert_eq!(main.al(0), (0x14, 0x001B));
}

#[test]
fn a_simple_device_without_process_data_goes_all_the_way() {
    let mut main = Main::new(vec![probe(0, 0, None).0]);
    for state in [2, 4, 8] {
        assert_eq!(main.request(0, state, false), (state, 0));
    }
    main.pass(1_000 * MS);
    assert_eq!(main.al(0), (8, 0));
}

#[test]
fn power_loss_switches_outputs_off_and_starts_anew() {
    let (mut main, told) = probe_in_op(2, 3);
    main.segment.set_power(0, false);
    assert_eq!(told.lock().unwrap().off, 1);
    assert_eq!(told.lock().unwrap().power_cycles, 1);
    main.pass(MS);
    main.segment.set_power(0, true);
    assert_eq!(main.al(0), (1, 0));
    assert_eq!(main.read(0, 0x0800, 32).0, vec![0; 32]);
}
