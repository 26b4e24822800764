//! Order files.

use super::Form as F;
use super::{Keys, Names, What};
use crate::shape;

shape! { pub(super) ORDER = "order", "What is to be made: lot, product, quantity, serials." {
    req "order": Integer(1, 1), "Schema major.";
    req "id": Identifier, "Names the order.";
    req "lot": Form(F::Gs1), "Lot of its units.";
    req "product": Fields(&PRODUCT), "What its units are.";
    req "recipe": Name(Names::Path), "Path of the recipe from this file.";
    opt "variant": Name(Names::Variant), "Row of the recipe's variants; its defaults if left out.";
    req "quantity": Integer(1, 1_000_000), "Good units.";
    opt "starts_max": Integer(1, u32::MAX as u64), "Units that are opened at the most; all of the serials if left out.";
    req "serials": Fields(&SERIALS), "Serials of its units, in their order.";
    opt "due": Form(F::Date), "A date, for people.";
    opt "purpose" = "trial": Word(&["trial", "validation", "production", "rework"]), "Production wants a real bus and approvals; rework takes units that are there.";
    opt "sets": List(&What::Fields(&SET)), "Single serials with other values of some parameters.";
}}

shape! { PRODUCT = "product", "What the units of an order are." {
    req "part": Identifier, "Part number.";
    opt "udi": Fields(&UDI), "Unique device identification.";
}}

shape! { UDI = "udi", "Unique device identification of each unit." {
    req "di": Form(F::Gtin), "Device identifier: a GTIN of 14 digits.";
}}

shape! { SET = "set", "Serials that are made with other values." {
    req "serials": List(&What::Form(F::Gs1)), "Serials of the order, each in one set only.";
    req "params": Map(Keys::Name(Names::Parameter), &What::Value), "Quantities within `min` and `max` of the recipe, and ranges.";
}}

/// Greatest number of a serial: exact in JSON.
const NUMBER_MAX: u64 = (1 << 53) - 1;

shape! { SERIALS = "serials", "A range of serials." {
    req "prefix": Form(F::SerialPrefix), "Before the number; not the cell's own.";
    req "first": Integer(0, NUMBER_MAX), "First number.";
    req "last": Integer(0, NUMBER_MAX), "Last number; as many digits as it is written with.";
}}
