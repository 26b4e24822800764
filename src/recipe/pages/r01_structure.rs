//! R01xx: fields, words, numbers, identifiers.

use super::pages;

pages! {
    UnknownField in Recipe {
        what: "A mapping has a field that is not known there; the nearest known one, or all of them, are named.",
        why: "A field that nobody reads is a wish that nobody fulfils: with `on_holt` the step would stop in the middle, \
            and the recipe would look as if it did not.",
        wrong: "on_holt: finish",
        right: "on_hold: finish",
    }
    MissingField in Recipe {
        what: "A field that must be given is missing; the start of its mapping is marked.",
        why: "There is no default that would be right for every recipe, and none is guessed.",
        wrong: "- confirm: { id: look, station: test, answers: [ok, ng, cannot-judge] }",
        right: "- confirm: { id: look, station: test, prompt: No visible damage, answers: [ok, ng, cannot-judge] }",
    }
    WrongKind in Recipe {
        what: "One value, a list and a mapping were mistaken for each other.",
        why: "What belongs together would have to be guessed. A step is `- kind: { fields }`, with exactly one kind.",
        wrong: "answers: ok",
        right: "answers: [ok, ng, cannot-judge]",
    }
    NotANumber in Recipe {
        what: "A number is expected, and this is none.",
        why: "Counts and joint angles are plain numbers without a unit; a whole number is written with digits or as \
            `0x…`, without a sign, point or separator.",
        wrong: "on_fail: { retry: once, after: 10 s, then: reject }",
        right: "on_fail: { retry: 1, after: 10 s, then: reject }",
    }
    UnknownWord in Recipe {
        what: "Only certain words may stand here, and this is none of them.",
        why: "The remedy names the nearest word, or all there are. Capital letters count.",
        wrong: "on_hold: pause",
        right: "on_hold: finish",
    }
    BadIdentifier in Recipe {
        what: "A name has a character that names do not have, or more than 64.",
        why: "Names become keys of events, of the record and of published topics: letters, digits, `_`, `-` and `.`, the \
            first one a letter or digit. Parameters have no `-` and `.`, since they are written `$name`; signals are \
            none of the words `and`, `or`, `not`.",
        wrong: "id: seal cap",
        right: "id: seal-cap",
    }
    DuplicateId in Recipe {
        what: "Two steps, signals, invariants, answers or entries of a list have one name.",
        why: "The record names each outcome by the id of its step: two of one name could not be told apart in ten years.",
        wrong: "- scan: { id: place-hub, component: hub,",
        right: "- scan: { id: id-hub, component: hub,",
    }
    Capacity in Cell {
        what: "More, or fewer, entries than there is room for; or a stroke whose curve would not fit its buffer.",
        why: "Everything that the controller keeps while it runs is allocated before it is armed. A cobot has six joints; a \
            curve 30,000 samples; a nest carries one unit.",
        wrong: "load:       [35, -62, 98, -126, -90]",
        right: "load:       [35, -62, 98, -126, -90, 35]",
    }
    Empty in Recipe {
        what: "A list has nothing in it where at least one entry, or at least two branches, make sense.",
        why: "A question without answers waits for ever; a `parallel` of one branch runs beside nothing.",
        wrong: "answers: []",
        right: "answers: [ok, ng, cannot-judge]",
    }
    Schema in Recipe {
        what: "The first field names a major version of the schema that this program does not read.",
        why: "A later schema may give the same words another meaning. Use the program that belongs to the file, or bring \
            the file to this schema.",
        wrong: "recipe: 2",
        right: "recipe: 1",
    }
    BadVersion in Recipe {
        what: "A version is not three whole numbers, or a camera job is not `name@number`.",
        why: "Approvals and records name the version; `3.2` and `3.2.0` would be two names for one recipe.",
        wrong: "version: 3.2\n",
        right: "version: 3.2.0\n",
    }
    OutOfRange in Recipe {
        what: "A number lies outside the range that makes sense here; the remedy names the range.",
        why: "Each bound has its reason: a step is repeated 1 to 10 times, a share ends at 100 %, a time at a day.",
        wrong: "on_fail: { retry: 0, after: 10 s, then: reject }",
        right: "on_fail: { retry: 1, after: 10 s, then: reject }",
    }
    BadText in Recipe {
        what: "A text is empty, too long, or has characters that its place cannot take.",
        why: "A prompt fits one line of the operator's screen; lots, serials and GTINs stand in GS1 codes, which have \
            their own lengths, characters and check digits.",
        wrong: "prompt: \"\"",
        right: "prompt: No visible damage",
    }
}
