//! R10xx: order files.

use super::pages;

pages! {
    SerialRange in Order {
        what: "The serials of the order cannot be given: reversed, too long, or with the prefix of units without an order.",
        why: "A serial names one unit for ever. It has at most 20 characters, as GS1 AI (21) holds, and the cell counts its \
            own serials under its own prefix.",
        wrong: "serials: { prefix: CW-, first: 1, last: 0012 }",
        right: "serials: { prefix: IS0417-, first: 1, last: 0012 }",
    }
    OrderQuantity in Order {
        what: "The order has fewer serials or starts than good units, or more starts than serials.",
        why: "Each start takes a serial, and an ng unit is made up for by another start: with too few the order ends short.",
        wrong: "starts_max: 3",
        right: "starts_max: 8",
    }
    PurposeRefused in Order {
        what: "The purpose is not permitted here: production on a twin, or with a recipe that is not approved; a rework by a \
            recipe that takes no finished unit of this product, or another purpose for one that does.",
        why: "What is not a production record can never look like one, and a finished unit keeps the serial that it has.",
        wrong: "purpose: production",
        right: "purpose: trial",
    }
    SetSerial in Order, before "due: 2027-01-29" {
        what: "A set of values names a serial that is not one of the order's, or one that has a set already.",
        why: "Each unit is made by one Plan. A serial is written with all of its digits, as on the label.",
        wrong: "sets: [{ serials: [IS0417-2], params: { seat_depth: 12.38 mm } }]",
        right: "sets: [{ serials: [IS0417-0002], params: { seat_depth: 12.38 mm } }]",
    }
    SetFixed in Order, before "due: 2027-01-29" {
        what: "A set gives a value to a parameter that is the same for all serials: a word, a number, `true` or `false`, or a \
            quantity for which the recipe does not state both `min` and `max`.",
        why: "What was validated and signed is the recipe with its envelope. A part number, a job, a pose or the number of a \
            lane is another way of making it, which needs a variant of its own.",
        wrong: "sets: [{ serials: [IS0417-0002], params: { cannula: CAN-25 } }]",
        right: "sets: [{ serials: [IS0417-0002], params: { seat_depth: 12.38 mm } }]",
    }
    OrderUdi in Order {
        what: "The device identifier is not that of the product, by `materials:` of the cell.",
        why: "It stands on every label and in every record of the order: with another product's, a unit is taken for what it \
            is not.",
        wrong: "product: { part: IS-23, udi: { di: 04012345678932 } }",
        right: "product: { part: IS-23, udi: { di: 04012345678949 } }",
    }
}
