//! "Did you mean": the nearest of a few names by edit distance.

/// Longest name that is compared, in characters: beyond it nobody mistypes a name.
const NAME_CHARS_MAX: usize = 64;

/// Misspelt names among which a missing one is looked for: more are no typing errors.
pub(crate) const MISSPELT_MAX: usize = 64;

/// Edit distance with insertion, deletion, substitution and exchange of neighbours, each 1 (optimal
/// string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut two_ago = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(two_ago[j - 2] + 1);
            }
        }
        two_ago = core::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// The nearest candidate, if it is near: at most a third of the word may differ, at least one character.
/// `_` and `-` count as the same.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |s: &str| s.to_lowercase().replace('-', "_").chars().collect::<Vec<_>>();
    let word = plain(word);
    if word.len() > NAME_CHARS_MAX {
        return None;
    }
    let near = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .filter(|c| c.len() <= 4 * NAME_CHARS_MAX)
        .map(|c| (distance(&word, &plain(c)), c))
        .filter(|(d, _)| *d <= near)
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

/// Remedy for an unknown name: the nearest one, or all there are.
pub fn remedy<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(name) = nearest(word, candidates.clone()) {
        return format!("did you mean `{name}`?");
    }
    let all: Vec<_> = candidates.into_iter().map(|c| format!("`{c}`")).collect();
    match all.len() {
        0 => "there is none here: take it out".into(),
        1..=16 => format!("known here: {}", all.join(", ")),
        n => format!("known here: {}, and {} more", all[..16].join(", "), n - 16),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_near_and_only_the_near() {
        assert_eq!(nearest("pres_z", ["press_z", "driver_1"]), Some("press_z"));
        assert_eq!(nearest("prses_z", ["press_z", "driver_1"]), Some("press_z"));
        assert_eq!(nearest("on-fail", ["on_fail", "on_fault"]), Some("on_fail"));
        assert_eq!(nearest("spindle", ["press_z", "driver_1"]), None);
        assert_eq!(remedy("x", ["press_z"]), "known here: `press_z`");
    }
}
