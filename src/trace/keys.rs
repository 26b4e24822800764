//! The keys under which a cell publishes and is asked.
//!
//! `cellwright/v1/{site}/{line}/{cell}/…`; each part in braces is percent-encoded (RFC 3986: all but
//! unreserved characters), since `/ * $ ? # @` mean something in a key expression of Zenoh.

use std::fmt::Write as _;

use cellwright_model::event::{Event, EventData};

/// Where a cell stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellAddress {
    pub site: String,
    pub line: String,
    pub cell: String,
}

impl CellAddress {
    /// The first part of all keys of the cell; also the CloudEvents `source`.
    pub fn base_key(&self) -> String {
        format!("cellwright/v1/{}/{}/{}", encode(&self.site), encode(&self.line), encode(&self.cell))
    }

    /// The key of live publication of an event.
    pub fn live_key(&self, event: &Event) -> String {
        let base = self.base_key();
        let unit = event.draft.unit.as_ref().map(|u| format!("{base}/unit/{}", encode(&u.serial)));
        let of_unit = |last: &str| format!("{}/{last}", unit.as_deref().unwrap_or(&base));
        match &event.draft.data {
            EventData::StepOutcome(s) => of_unit(&format!("step/{}/{}/outcome", s.n, s.attempt)),
            EventData::UnitOpened(_) => of_unit("opened"),
            EventData::UnitResult(_) => of_unit("result"),
            EventData::PartMoved(_) => of_unit("part"),
            EventData::MaterialLoaded(_) => of_unit("material"),
            EventData::OperatorAnswer(_) => of_unit("answer"),
            EventData::CellState(_) => format!("{base}/state"),
            EventData::CellCommand(_) => format!("{base}/command"),
            EventData::Alarm(_) => format!("{base}/alarm"),
        }
    }
}

/// Percent-encodes one part of a key. An empty part, which no key may have, becomes `%`.
pub fn encode(part: &str) -> String {
    if part.is_empty() {
        return "%".into();
    }
    let mut out = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte as char);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Sealer;
    use crate::testing;

    #[test]
    fn parts_cannot_leave_their_place() {
        assert_eq!(encode("CW-0001"), "CW-0001");
        assert_eq!(encode("a/b*$?#@ é"), "a%2Fb%2A%24%3F%23%40%20%C3%A9");
        assert_eq!(encode(""), "%");
    }

    #[test]
    fn the_outcome_of_a_step_has_the_key_of_the_design() {
        let address = testing::address();
        let mut sealer = Sealer::simulated(&address, 1);
        let keys: Vec<String> = testing::unit_drafts("CW/1")
            .into_iter()
            .map(|draft| address.live_key(&sealer.seal(draft).expect("plain numbers")))
            .collect();
        let unit = "cellwright/v1/hall%201/line-a/cell-t/unit/CW%2F1";
        assert_eq!(keys[0], format!("{unit}/opened"));
        assert_eq!(keys[1], format!("{unit}/step/1/1/outcome"));
        for key in keys {
            assert!(zenoh::key_expr::KeyExpr::try_from(key).is_ok());
        }
    }
}
