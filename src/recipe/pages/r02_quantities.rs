//! R02xx: numbers with their units.

use super::pages;

pages! {
    NoUnit in Recipe {
        what: "A quantity stands without its unit.",
        why: "`60` may be mm/s or m/min. Only counts, and joint angles of cobots, are plain numbers.",
        wrong: "approach: { to: 38.0 mm, velocity: 60 }",
        right: "approach: { to: 38.0 mm, velocity: 60 mm/s }",
    }
    UnknownUnit in Recipe {
        what: "The unit is not known.",
        why: "The remedy lists the units of what is expected here. `N·m`, `N*m` and `Nm` are one unit, and so are `um` \
            and `µm`, `degC` and `°C`.",
        wrong: "approach: { to: 38.0 mm, velocity: 60 mm/sec }",
        right: "approach: { to: 38.0 mm, velocity: 60 mm/s }",
    }
    Dimension in Recipe {
        what: "The unit is one of another dimension, or a channel measures another dimension than the step needs.",
        why: "A linear axis does not move in degrees, and a torque is not a force. Nothing is converted across dimensions.",
        wrong: "approach: { to: 38.0 mm, velocity: 60 deg/s }",
        right: "approach: { to: 38.0 mm, velocity: 60 mm/s }",
    }
    NotAQuantity in Recipe {
        what: "This is not one number with a unit: a word, a range, or a number that cannot be read.",
        why: "A quantity is written `number unit`, with a point for decimals and without separators: `1.5 mm`.",
        wrong: "approach: { to: 38.0 mm, velocity: fast }",
        right: "approach: { to: 38.0 mm, velocity: 60 mm/s }",
    }
    NotARange in Recipe {
        what: "This is not a range of quantities.",
        why: "A range is `low .. high unit` with one unit at its end, and both ends belong to it.",
        wrong: "contact: { force: 5 N, between: 39.0 mm }",
        right: "contact: { force: 5 N, between: 39.0 .. 41.5 mm }",
    }
    Reversed in Recipe {
        what: "The lower end of a range is the higher one, or `min` lies above `max`.",
        why: "Nothing lies within it, so that every part would fail. Below zero the number with more digits is the lower \
            one: `-12 .. -2 Pa/s`.",
        wrong: "contact: { force: 5 N, between: 41.5 .. 39.0 mm }",
        right: "contact: { force: 5 N, between: 39.0 .. 41.5 mm }",
    }
    NotPositive in Recipe {
        what: "A quantity that must lie above zero does not.",
        why: "Speeds, forces, times and distances of a step have their direction from the step, not from a sign; at zero \
            nothing would ever be reached.",
        wrong: "approach: { to: 38.0 mm, velocity: 0 mm/s }",
        right: "approach: { to: 38.0 mm, velocity: 60 mm/s }",
    }
}
