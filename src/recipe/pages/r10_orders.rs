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
        what: "The purpose is not permitted here: production on a twin, or with a recipe that is not approved.",
        why: "What is not a production record can never look like one.",
        wrong: "purpose: production",
        right: "purpose: trial",
    }
}
