//! A histogram as lines of text: an octave a line, counts on a logarithmic scale.

/// Longest bar, in characters.
const WIDTH: f64 = 40.0;

/// Lines for buckets of (lowest, highest ns, count), in order; none for none.
pub(super) fn rows(buckets: &[(u64, u64, u64)]) -> Vec<String> {
    let octave = |ns: u64| ns.max(1).ilog2();
    let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return Vec::new() };
    let counts: Vec<(u32, u64)> = (octave(first.0)..=octave(last.0))
        .map(|o| (o, buckets.iter().filter(|b| octave(b.0) == o).map(|b| b.2).sum()))
        .collect();
    let most = counts.iter().map(|&(_, n)| n).max().unwrap_or(0);
    let row = |&(octave, count): &(u32, u64)| {
        let below = time(if octave == 0 { 0 } else { 1 << octave });
        let bar = "#".repeat(length(count, most));
        format!("  {below:>8} ..{:>8} |{bar:<40} {count}", time(1 << (octave + 1)))
    };
    counts.iter().map(row).collect()
}

/// One is seen, and ten times as many is seen to be more.
fn length(count: u64, most: u64) -> usize {
    if count == 0 {
        return 0;
    }
    let share = (count as f64 + 1.0).ln() / (most as f64 + 1.0).ln();
    ((share * WIDTH).round() as usize).max(1)
}

/// Three digits and their unit.
pub(super) fn time(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000 => (ns as f64, "ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    let digits = if value < 10.0 && value.fract() != 0.0 { 1 } else { 0 };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_octave_a_line_and_none_is_lost() {
        let buckets = [(1_000, 1_023, 990), (1_024, 1_055, 5), (9_000, 9_100, 4), (70_000, 70_100, 1)];
        let rows = rows(&buckets);
        assert_eq!(rows.len(), 8, "from 512 ns to 131 µs: {rows:#?}");
        let bar = |row: &String| row.matches('#').count();
        assert_eq!(bar(&rows[0]), 40);
        assert!(bar(&rows[1]) > bar(&rows[4]) && bar(&rows[4]) > bar(&rows[7]) && bar(&rows[7]) >= 1);
        assert_eq!(bar(&rows[2]), 0);
        assert!(rows[0].contains("512 ns ..  1.0 µs"), "{}", rows[0]);
        let total: u64 = rows.iter().map(|r| r.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
        assert_eq!(total, 1_000);
        assert!(super::rows(&[]).is_empty());
    }

    #[test]
    fn times_have_their_unit() {
        assert_eq!(
            [0, 999, 1_024, 65_536, 2_000_000].map(time),
            ["0 ns", "999 ns", "1.0 µs", "66 µs", "2 ms"]
        );
    }
}
