//! What the label on one unit says, and what became of each label that was printed.
//!
//! A unit whose order names a device identifier bears its UDI. Any other bears its serial alone, in AI (21): without
//! AI (01) nobody, and no reader, can take it for a UDI.

use serde::{Deserialize, Serialize};

use crate::gs1::{self, Elements, FNC1, Gs1Error};
use crate::order::OrderTerms;

/// A label has no expiry date, so that the century of two-digit years does not matter.
const ANY_YEAR: u16 = 2000;

/// Content of the label on one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitLabel {
    text: String,
    elements: Elements,
}

impl UnitLabel {
    /// Of the unit with this serial; `terms`: its order file.
    ///
    /// # Errors
    /// What cannot stand in a GS1 element string: a serial of more than 20 characters.
    pub fn of_unit(terms: Option<&OrderTerms>, serial: &str) -> Result<UnitLabel, Gs1Error> {
        let text = terms.and_then(|t| t.udi(serial)).unwrap_or_else(|| format!("(21){serial}"));
        let elements = gs1::parse_label(&text, ANY_YEAR)?;
        Ok(UnitLabel { text, elements })
    }

    /// As it is printed below the symbol: `(01)DI(10)lot(21)serial`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// It is a UDI.
    pub fn is_udi(&self) -> bool {
        self.elements.gtin.is_some()
    }

    /// The element string in the symbol, FNC1 as [`FNC1`]: one at the beginning, and one behind each field of
    /// variable length that another one follows.
    pub fn element_string(&self) -> String {
        let Elements { gtin, lot, serial, .. } = &self.elements;
        let mut out = String::from(FNC1);
        let mut open = false;
        for (ai, value, variable) in [("01", gtin, false), ("10", lot, true), ("21", serial, true)] {
            let Some(value) = value else { continue };
            if core::mem::replace(&mut open, variable) {
                out.push(FNC1);
            }
            out.push_str(ai);
            out.push_str(value);
        }
        out
    }

    /// What a code says that is not of this unit: its serial, or the product under whose number serials are unique (GS1
    /// General Specifications, AI (21)). An element that one of the two has not says nothing.
    pub fn contradicts(&self, gtin: Option<&str>, serial: Option<&str>) -> Option<String> {
        let pairs = [("21", &self.elements.serial, serial), ("01", &self.elements.gtin, gtin)];
        pairs.into_iter().find_map(|(ai, own, read)| {
            let (own, read) = (own.as_deref()?, read?);
            (own != read).then(|| format!("({ai}){read} where ({ai}){own} is asked for"))
        })
    }

    /// Holds what was read against it, element by element.
    ///
    /// # Errors
    /// In words, the first element that differs, or why what was read is no element string.
    pub fn compare(&self, read: &str) -> Result<(), String> {
        let read = gs1::parse(read, ANY_YEAR).map_err(|e| e.to_string())?;
        let quantity = |e: &Elements| e.quantity.map(|n| n.to_string());
        let of = |e: &Elements| {
            [
                ("01", e.gtin.clone()),
                ("10", e.lot.clone()),
                ("17", e.expiry.clone()),
                ("21", e.serial.clone()),
                ("30", quantity(e)),
            ]
        };
        let mut pairs = of(&self.elements).into_iter().zip(of(&read));
        match pairs.find(|(printed, read)| printed != read) {
            None => Ok(()),
            Some(((ai, printed), (_, read))) => {
                let word = |value: Option<String>| value.unwrap_or_else(|| "nothing".into());
                Err(format!("({ai}) reads {}, printed was {}", word(read), word(printed)))
            }
        }
    }
}

/// What became of a label. Those that are applied, spoilt and doubtful together are what the printer may have used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelFate {
    /// The step passed: it is on the unit.
    Applied,
    /// Printed, and the step did not pass.
    Spoilt,
    /// The printer was asked, and has not said that it printed.
    Doubtful,
    /// The printer took nothing.
    NotPrinted,
}

impl LabelFate {
    /// The word written into records.
    pub fn as_str(self) -> &'static str {
        match self {
            LabelFate::Applied => "applied",
            LabelFate::Spoilt => "spoilt",
            LabelFate::Doubtful => "doubtful",
            LabelFate::NotPrinted => "not-printed",
        }
    }
}

/// Why a printer does not print, by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrinterTrouble {
    HeadOpen,
    PaperOut,
    RibbonOut,
    /// The print head is too hot or too cold.
    Temperature,
    /// Its memory is not to be trusted.
    Memory,
    Paused,
}

impl PrinterTrouble {
    /// All of them, the cause before what follows from it: a printer without paper pauses, too.
    pub const ALL: [PrinterTrouble; 6] = [
        PrinterTrouble::HeadOpen,
        PrinterTrouble::PaperOut,
        PrinterTrouble::RibbonOut,
        PrinterTrouble::Temperature,
        PrinterTrouble::Memory,
        PrinterTrouble::Paused,
    ];

    /// The word written into causes and test files.
    pub fn as_str(self) -> &'static str {
        match self {
            PrinterTrouble::HeadOpen => "head-open",
            PrinterTrouble::PaperOut => "paper-out",
            PrinterTrouble::RibbonOut => "ribbon-out",
            PrinterTrouble::Temperature => "temperature",
            PrinterTrouble::Memory => "memory",
            PrinterTrouble::Paused => "paused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{Product, RecipePin, SerialRange};
    use crate::outcome::Purpose;

    fn terms(di: Option<&str>) -> OrderTerms {
        OrderTerms {
            id: "PO-1".into(),
            lot: "L24-77".into(),
            product: Product { part: "CH-1".into(), di: di.map(String::from) },
            recipe: RecipePin { id: "r".into(), version: "1.0.0".into(), hash: String::new() },
            variant: None,
            quantity: 1,
            starts_max: 1,
            serials: SerialRange { prefix: "CH".into(), digits: 4, first: 1, last: 9 },
            due: None,
            purpose: Purpose::Trial,
            sets: Default::default(),
        }
    }

    #[test]
    fn a_unit_with_a_device_identifier_bears_its_udi() {
        let label = UnitLabel::of_unit(Some(&terms(Some("04012345678901"))), "CH0001").unwrap();
        assert!(label.is_udi());
        assert_eq!(label.text(), "(01)04012345678901(10)L24-77(21)CH0001");
        assert_eq!(label.element_string(), "\u{1d}010401234567890110L24-77\u{1d}21CH0001");
        assert_eq!(label.compare(&label.element_string()), Ok(()));
    }

    #[test]
    fn any_other_unit_bears_its_serial_and_nothing_that_could_be_a_udi() {
        for terms in [None, Some(terms(None))] {
            let label = UnitLabel::of_unit(terms.as_ref(), "CC-000007").unwrap();
            assert!(!label.is_udi());
            assert_eq!(label.element_string(), "\u{1d}21CC-000007");
            assert_eq!(label.compare("21CC-000007"), Ok(()));
        }
        let long = UnitLabel::of_unit(None, "CC-000000000000000007");
        assert_eq!(long, Err(Gs1Error::Long("21")));
    }

    #[test]
    fn each_element_that_differs_is_named() {
        let label = UnitLabel::of_unit(Some(&terms(Some("04012345678901"))), "CH0001").unwrap();
        for (read, why) in [
            (
                "010401234567891810L24-77\u{1d}21CH0001",
                "(01) reads 04012345678918, printed was 04012345678901",
            ),
            ("010401234567890110L24-78\u{1d}21CH0001", "(10) reads L24-78, printed was L24-77"),
            ("010401234567890121CH0001", "(10) reads nothing, printed was L24-77"),
            ("010401234567890110L24-77\u{1d}21CH0002", "(21) reads CH0002, printed was CH0001"),
            (
                "010401234567890110L24-77\u{1d}21CH0001\u{1d}17290531",
                "(17) reads 2029-05-31, printed was nothing",
            ),
            ("010401234567890110L24-77\u{1d}21CH0001\u{1d}302", "(30) reads 2, printed was nothing"),
            ("0104012345678902", "check digit 2 of (01), right is 1"),
            ("", "no element"),
        ] {
            assert_eq!(label.compare(read), Err(why.to_owned()), "{read:?}");
        }
    }
}
