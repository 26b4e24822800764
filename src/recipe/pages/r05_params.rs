//! R05xx: parameters and variants.

use super::pages;

pages! {
    ParamRange in Recipe {
        what: "A value of a parameter lies outside its `min` and `max`.",
        why: "Those bounds are what was validated: defaults, variants and arguments stay within them.",
        wrong: "25g: { seat_depth: 12.55 mm, seat_force: 60 .. 130 N,",
        right: "25g: { seat_depth: 12.35 mm, seat_force: 60 .. 130 N,",
    }
    ParamKind in Recipe {
        what: "A value is of another kind than the default: a quantity of another dimension, a range, a number, a word.",
        why: "The default says what a parameter is. Words and booleans have no `min` and `max`; a part number that looks \
            like a number goes in quotes.",
        wrong: "25g: { seat_depth: 12.35 N, seat_force: 60 .. 130 N,",
        right: "25g: { seat_depth: 12.35 mm, seat_force: 60 .. 130 N,",
    }
    VariantIncomplete in Recipe {
        what: "A variant gives no value for some parameters.",
        why: "A variant is a complete row. With defaults filled in, a later change of a default would change a variant that \
            nobody looked at.",
        wrong: "25g: { seat_force: 60 .. 130 N,",
        right: "25g: { seat_depth: 12.35 mm, seat_force: 60 .. 130 N,",
    }
    UnusedParam in Recipe {
        what: "Nothing uses a parameter.",
        why: "A warning: whoever changes it believes that something changes. Write `$name` where it belongs, or take it out.",
        wrong: "limits: $seat_force, warn: 80 .. 120 N,",
        right: "limits: $seat_force, warn: $seat_warn,",
    }
}
