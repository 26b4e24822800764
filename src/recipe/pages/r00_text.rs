//! R00xx: the file as bytes, and YAML beyond its strict kind.

use super::pages;
use crate::diagnostic::DIAGNOSTICS_MAX;
use crate::source::FILE_BYTES_MAX;

pages! {
    NotReadable in Recipe {
        what: "A file that is named cannot be read: it is not there, or permissions forbid it.",
        why: "A sub-recipe is a file `<name>.recipe.yaml` beside the recipe that uses it. What cannot be read cannot \
            be checked, and nothing is run in part.",
        wrong: "- use: { id: feed, recipe: feed-canula@1, with: { lane: 2 } }",
        right: "- use: { id: feed, recipe: feed-cannula@1, with: { lane: 2 } }",
    }
    TooLarge in Recipe, made (too_large) {
        what: "A file has more than 4 MiB.",
        why: "That is a thousand times what a recipe has: it is another file, a core dump or a video, and it is not read.",
        wrong: "# a file of 4 MiB and one byte",
        right: "# a file of a few KiB",
    }
    NotUtf8 in Recipe, made (not_utf8) {
        what: "A byte of the file is no part of a UTF-8 character; the diagnostic stands where it is.",
        why: "An editor with another encoding writes `µ` or `·` as one byte. Guessing what was meant would change units.",
        wrong: "snug: 0.10 N\u{fffd}m        # `·` as the one byte 0xB7 of ISO 8859-1",
        right: "snug: 0.10 N·m        # saved as UTF-8; N*m and Nm are read as well",
    }
    Tab in Recipe, made (tab) {
        what: "A tab character stands somewhere in the file.",
        why: "YAML forbids tabs in indentation, and elsewhere a tab has no defined width: what stands below each other in \
            one editor does not in the next.",
        wrong: "stabilise:→1 s        # the arrow is a tab",
        right: "stabilise: 1 s",
    }
    YamlSyntax in Recipe {
        what: "The text is not YAML at this place, mostly because of a bracket, a quote, the indentation or a missing \
            space behind `:`.",
        why: "From here on nobody can say what belongs to what, so the rest of the file is not looked at.",
        wrong: "zero: { within: 2 N ]",
        right: "zero: { within: 2 N }",
    }
    Anchor in Recipe {
        what: "An anchor, `&name`, marks a piece of YAML to be repeated elsewhere.",
        why: "A reader who approves a limit has to see it where it stands. What is used twice gets a name under `params:`.",
        wrong: "hub:     { part: &hub HUB-23, identify: per-unit }",
        right: "hub:     { part: HUB-23, identify: per-unit }",
    }
    Alias in Recipe {
        what: "An alias, `*name`, stands for a piece of YAML that was marked elsewhere.",
        why: "The value is not where it is read. Write it out, or name it under `params:` and write `$name`. A leading \
            `*` is YAML syntax, not an operator.",
        wrong: "cap:     { part: *cap, identify: per-lot, source: cap_tray }",
        right: "cap:     { part: CAP-07, identify: per-lot, source: cap_tray }",
    }
    Tag in Recipe, before "  - pick-place: { id: place-cap" {
        what: "A word begins with `!`, which makes it a tag, a type of YAML.",
        why: "Types follow from the fields. Who writes `!signal` means a negation, and YAML would silently drop it: \
            negation is the word `not`.",
        wrong: "  - check: { id: no-cap-yet, station: close, that: !nest_cap_present }",
        right: "  - check: { id: no-cap-yet, station: close, that: not nest_cap_present }",
    }
    MergeKey in Recipe {
        what: "A merge key, `<<`, puts the fields of another mapping here.",
        why: "It was never part of YAML 1.2, programs disagree about which value wins, and the fields are not where they \
            are read.",
        wrong: "contact: { <<: { force: 5 N }, between: 39.0 .. 41.5 mm }",
        right: "contact: { force: 5 N, between: 39.0 .. 41.5 mm }",
    }
    DuplicateKey in Recipe {
        what: "A key is given twice in one mapping; the second is marked, the first is named.",
        why: "Most readers of YAML take the last one and say nothing. Which of two limits was meant only the author knows.",
        wrong: "      axis: driver_1\n      axis: driver_2",
        right: "      axis: driver_1",
    }
    Yaml11Boolean in Recipe {
        what: "An unquoted `yes`, `no`, `on` or `off`, or `true` and `false` in other spellings.",
        why: "YAML 1.1 reads them as booleans, YAML 1.2 as words: the answer `no` would become `false` in one program and \
            stay a word in the next. Write `true` or `false`; a word that only looks like one goes in quotes.",
        wrong: "answers: [ok, no, cannot-judge]",
        right: "answers: [ok, ng, cannot-judge]",
    }
    TooDeep in Recipe, made (too_deep) {
        what: "Mappings and lists stand more than 64 deep in each other, or `parallel` and `use` more than 16.",
        why: "The deepest recipe that makes sense needs a third of that; beyond it a bracket was left open, or a \
            sub-recipe unfolds without end.",
        wrong: "prompt: [[[[[[[[ … 70 deep … ]]]]]]]]",
        right: "prompt: No visible damage",
    }
    Documents in Recipe {
        what: "The file holds no document, or a second one begins at `---`.",
        why: "One file is one recipe, cell or order. Readers of YAML that take only the first document would drop the rest \
            in silence.",
        wrong: "---\nsteps:\n  - parallel:",
        right: "steps:\n  - parallel:",
    }
    NoValue in Recipe {
        what: "A key stands without a value, or with `~` or `null`.",
        why: "Nothing given is not the same as a default meant: what is to keep its default is left out altogether.",
        wrong: "      stabilise:",
        right: "      stabilise: 1 s",
    }
    Directive in Recipe {
        what: "A line begins with `%`, a directive to the reader of YAML.",
        why: "Directives choose another version of YAML or rename tags. The text is always YAML 1.2.",
        wrong: "%YAML 1.1\nrecipe: 1",
        right: "recipe: 1",
    }
    ComplexKey in Recipe {
        what: "A key is a list, a mapping, or empty.",
        why: "Fields have names; mostly a bracket stands on the wrong side of the colon.",
        wrong: "zero: { [within]: 2 N }",
        right: "zero: { within: 2 N }",
    }
    TooMany in Recipe, made (too_many) {
        what: "The file has more than 1,000 mistakes; the others are not shown.",
        why: "Nobody reads more, and a file that has so many is usually another kind of file.",
        wrong: "# 1,001 values `yes`",
        right: "# fewer",
    }
    CutByComment in Recipe, before "  - confirm: {" {
        what: "Behind a value stands ` #` with a word close to it: to YAML a comment, and the value ends before it.",
        why: "A warning: `Press cap #2 home` is read as `Press cap`. A value with `#` in it goes in quotes; a comment that \
            is meant has a space behind its `#`.",
        wrong: "  - confirm:
      id: second
      station: test
      prompt: Is cap #2 home
      answers: [ok, ng]",
        right: "  - confirm:
      id: second
      station: test
      prompt: \"Is cap #2 home\"
      answers: [ok, ng]",
    }
    Unseen in Recipe, made (unseen) {
        what: "A character stands in the file that editors show as a space, or not at all: a no-break space, a byte order \
            mark inside of it, a sign that turns the direction of the text, a control character, a carriage return alone.",
        why: "YAML takes some of them for letters, and with others a line reads otherwise than it is. Who approves a text \
            has to see all of it.",
        wrong: "stabilise:·1 s        # the dot is a no-break space, U+00A0",
        right: "stabilise: 1 s",
    }
}

fn unseen(base: &str) -> Vec<u8> {
    base.replacen("stabilise: 1 s", "stabilise: \u{a0}1 s", 1).into_bytes()
}

fn too_large(_: &str) -> Vec<u8> {
    vec![b'#'; FILE_BYTES_MAX + 1]
}

fn not_utf8(base: &str) -> Vec<u8> {
    let mut bytes = base.as_bytes().to_vec();
    let dot = "·".as_bytes();
    if let Some(at) = bytes.windows(dot.len()).position(|w| w == dot) {
        bytes.splice(at..at + dot.len(), [0xB7]);
    }
    bytes
}

fn tab(base: &str) -> Vec<u8> {
    base.replacen("stabilise: 1 s", "stabilise:\t1 s", 1).into_bytes()
}

fn too_deep(base: &str) -> Vec<u8> {
    let nested = format!("prompt: {}{}", "[".repeat(70), "]".repeat(70));
    base.replacen("prompt: No visible damage", &nested, 1).into_bytes()
}

fn too_many(_: &str) -> Vec<u8> {
    "- yes\n".repeat(DIAGNOSTICS_MAX + 1).into_bytes()
}
