//! Angles of an axis that turns on without end: all angles a whole number of turns apart are one place.

/// A turn, deg.
const TURN_DEG: f64 = 360.0;
/// Two ways that differ by less are as long as each other, deg: more than a servo's error at rest, less than any
/// pitch of a table. Without it, noise would decide which way half a turn goes.
const TIE_DEG: f64 = 1.0;

/// The angle that is `angle` or whole turns from it, within `lo ..= hi`, and nearest to `at`; of two that are
/// equally near the greater, so that half a turn goes forward. All in deg. `None`: there is none inside, or an
/// argument is not finite.
pub fn nearest_equivalent(angle: f64, at: f64, lo: f64, hi: f64) -> Option<f64> {
    if ![angle, at, lo, hi].iter().all(|x| x.is_finite()) {
        return None;
    }
    let turned = |k: f64| angle + k * TURN_DEG;
    // A tie is decided before rounding: half a turn back counts as the longer way.
    let wanted = ((at - angle + TIE_DEG / 2.0) / TURN_DEG + 0.5).floor();
    let lowest = ((lo - angle) / TURN_DEG).ceil();
    let highest = ((hi - angle) / TURN_DEG).floor();
    (lowest <= highest).then(|| turned(wanted.clamp(lowest, highest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: (f64, f64) = (-720_000.0, 720_000.0);

    fn near(angle: f64, at: f64) -> Option<f64> {
        nearest_equivalent(angle, at, WIDE.0, WIDE.1)
    }

    #[test]
    fn an_index_goes_the_short_way_on_any_turn() {
        for turn in [-1000.0, -1.0, 0.0, 1.0, 1999.0] {
            let at = |deg: f64| turn * 360.0 + deg;
            assert_eq!(near(90.0, at(0.0003)), Some(at(90.0)));
            assert_eq!(near(0.0, at(269.9997)), Some(at(360.0)), "from the last station on to the first");
            assert_eq!(near(270.0, at(0.0003)), Some(at(-90.0)));
            assert_eq!(near(0.0, at(2.0)), Some(at(0.0)));
        }
    }

    #[test]
    fn half_a_turn_goes_forward_whatever_the_noise() {
        for noise in [-0.4, -1e-9, 0.0, 1e-9, 0.4] {
            assert_eq!(near(180.0, noise), Some(180.0), "{noise}");
            assert_eq!(near(0.0, 180.0 + noise), Some(360.0), "{noise}");
        }
    }

    #[test]
    fn the_travel_is_kept_and_its_ends_are_in_it() {
        assert_eq!(near(0.0, 719_999.0), Some(720_000.0));
        assert_eq!(
            near(90.0, 720_000.0),
            Some(719_730.0),
            "the long way where the short one leaves the travel"
        );
        assert_eq!(nearest_equivalent(270.0, 0.0, -5.0, 365.0), Some(270.0));
        assert_eq!(nearest_equivalent(-90.0, 300.0, -5.0, 365.0), Some(270.0));
        assert_eq!(nearest_equivalent(180.0, 0.0, -5.0, 90.0), None);
        assert_eq!(nearest_equivalent(0.0, f64::NAN, -5.0, 365.0), None);
    }

    #[test]
    fn what_it_gives_is_equivalent_inside_and_nearest() {
        for i in 0..2_000 {
            let (angle, at) = (f64::from(i) * 7.3 - 3_000.0, f64::from(i * 31 % 977) * 11.7 - 5_000.0);
            let (lo, hi) = (-4_000.0, 4_100.0);
            let found = nearest_equivalent(angle, at, lo, hi).expect("a travel of more than a turn");
            let turns = (found - angle) / 360.0;
            assert!((turns - turns.round()).abs() < 1e-9 && (lo..=hi).contains(&found));
            for other in [found - 360.0, found + 360.0].iter().filter(|x| (lo..=hi).contains(x)) {
                assert!(
                    (found - at).abs() <= (other - at).abs() + TIE_DEG,
                    "{angle} at {at}: {found} {other}"
                );
            }
        }
    }
}
