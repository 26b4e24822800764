//! Remedies that can be carried out: what a diagnostic says to write, written.

use cellwright_recipe::{Code, Diagnostic};

/// A change of the text at the place of a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    pub title: String,
    pub bytes: core::ops::Range<usize>,
    pub text: String,
}

/// Changes offered beside one word at the most.
const FIXES_MAX: usize = 8;

/// What can be done about a diagnostic of a text; the first is the likeliest.
pub fn fixes(diagnostic: &Diagnostic, text: &str) -> Vec<Fix> {
    let bytes = diagnostic.span.start as usize..diagnostic.span.end as usize;
    let Some(found) = text.get(bytes.clone()) else { return Vec::new() };
    let fix = |word: String, bytes| Fix { title: format!("write `{word}`"), bytes, text: word };
    let words: Vec<String> = match diagnostic.code {
        Code::Tab => return vec![Fix { title: "write spaces".into(), bytes, text: "  ".into() }],
        Code::Yaml11Boolean => {
            let yes = matches!(found.to_ascii_lowercase().as_str(), "yes" | "on" | "true");
            let words = if yes { ["true", "false"] } else { ["false", "true"] };
            words.map(str::to_owned).into_iter().chain([format!("\"{found}\"")]).collect()
        }
        Code::NoUnit => {
            let units = diagnostic.help.strip_prefix("write the unit: ").unwrap_or_default().split(", ");
            let one = |u: &&str| cellwright_model::quantity::spelling(u) == Some(*u);
            units.filter(one).map(|u| format!("{} {u}", found.trim())).collect()
        }
        Code::UnknownUnit => {
            let unit = meant(&diagnostic.help);
            let end = found.find(|c: char| c.is_alphabetic() || c == '°' || c == '%').unwrap_or(found.len());
            unit.map(|u| format!("{} {u}", found[..end].trim())).into_iter().collect()
        }
        // It stands at a name that is right; what is meant belongs behind `of:`.
        Code::UnknownFeature if !text[..bytes.start].trim_end().ends_with("of:") => Vec::new(),
        Code::UnknownTray => {
            let next = if found.ends_with(".next") { ".next" } else { "" };
            meant(&diagnostic.help).map(|w| format!("{w}{next}")).into_iter().collect()
        }
        Code::UnknownWord | Code::OtherStation | Code::Schema | Code::UseIdentity => {
            meant(&diagnostic.help).or_else(|| written(&diagnostic.help)).into_iter().collect()
        }
        // A parameter in a longer word: only its name is another one.
        Code::UnknownParam if found.contains('$') => {
            let name = |w: String| {
                diagnostic
                    .message
                    .split('`')
                    .nth(1)
                    .map(|n| found.replace(&format!("${n}"), &format!("${w}")))
            };
            meant(&diagnostic.help).and_then(name).into_iter().collect()
        }
        _ => meant(&diagnostic.help).into_iter().collect(),
    };
    words.into_iter().take(FIXES_MAX).map(|w| fix(w, bytes.clone())).collect()
}

/// The word of ``did you mean `press_z`?``.
fn meant(help: &str) -> Option<String> {
    let (_, rest) = help.split_once("did you mean `")?;
    rest.split_once('`').map(|(word, _)| word.to_owned())
}

/// The word of ``write `good_tray.next` ``; a form with a place to be filled in is none.
fn written(help: &str) -> Option<String> {
    let (word, _) = help.strip_prefix("write `")?.split_once('`')?;
    (!word.contains(['<', '…', ':'])).then(|| word.to_owned())
}
