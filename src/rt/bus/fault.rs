//! Why a bus could not be armed: each fault names its place, its cause and what to do.

use super::{AlState, Identity, al_status_text};

/// A failure of bring-up, of a state change or of the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusFault {
    /// The link cannot be used at all.
    NoLink {
        /// Interface or other name of the link.
        link: String,
        /// What the system said.
        cause: String,
    },
    /// Nothing answered.
    NoSubDevices {
        /// Interface or other name of the link.
        link: String,
    },
    /// The SubDevice at a position is not the one described; `None` stands for no SubDevice.
    WrongSegment {
        /// Position on the wire, from 0.
        position: u16,
        /// Name in the cell description, empty if it has none there.
        name: String,
        /// What the cell description expects there.
        expected: Option<Identity>,
        /// What answered.
        found: Option<Identity>,
    },
    /// A SubDevice refused or did not complete a state change.
    StateTransition {
        /// Position on the wire, from 0.
        position: u16,
        /// Name in the cell description.
        name: String,
        /// The state asked for.
        wanted: AlState,
        /// The state it is in.
        reached: AlState,
        /// AL status code, register 0x0134.
        code: u16,
    },
    /// A start-up SDO was not taken.
    StartUpSdo {
        /// Position on the wire, from 0.
        position: u16,
        /// Name in the cell description.
        name: String,
        /// Object index.
        index: u16,
        /// Sub-index.
        sub: u8,
        /// What the SubDevice or the bus said.
        cause: String,
    },
    /// The process image does not fit.
    ImageTooLarge {
        /// Bytes that the segment needs.
        bytes: usize,
        /// Bytes that are there.
        limit: usize,
    },
    /// A program error during bring-up was caught; nothing was armed.
    BringUpPanic {
        /// The message of the panic.
        message: String,
    },
    /// A step of bring-up took longer than its bound.
    Timeout {
        /// What was being done.
        doing: &'static str,
    },
    /// Something in the segment answered otherwise than the standard says.
    Protocol {
        /// What was being done.
        doing: &'static str,
        /// What was wrong.
        cause: String,
    },
    /// Asked for something that needs a bus that is up.
    NotUp,
}

impl BusFault {
    /// Where: the link, or position and name of a SubDevice.
    pub fn place(&self) -> String {
        match self {
            BusFault::NoLink { link, .. } | BusFault::NoSubDevices { link } => format!("link {link}"),
            BusFault::WrongSegment { position, name, .. }
            | BusFault::StateTransition { position, name, .. }
            | BusFault::StartUpSdo { position, name, .. }
                if name.is_empty() =>
            {
                format!("SubDevice {position}")
            }
            BusFault::WrongSegment { position, name, .. }
            | BusFault::StateTransition { position, name, .. }
            | BusFault::StartUpSdo { position, name, .. } => format!("SubDevice {position} ({name})"),
            _ => "segment".to_owned(),
        }
    }

    /// What is wrong.
    pub fn cause(&self) -> String {
        let or_none =
            |id: &Option<Identity>| id.map_or_else(|| "no SubDevice".to_owned(), |id| id.to_string());
        match self {
            BusFault::NoLink { cause, .. } => format!("cannot be used: {cause}"),
            BusFault::NoSubDevices { .. } => "no SubDevice answers".to_owned(),
            BusFault::WrongSegment { expected, found, .. } => {
                format!("expected {}, found {}", or_none(expected), or_none(found))
            }
            BusFault::StateTransition { wanted, reached, code, .. } => {
                format!(
                    "did not go to {wanted}, is in {reached}: AL status code {code:#06x}, {}",
                    al_status_text(*code)
                )
            }
            BusFault::StartUpSdo { index, sub, cause, .. } => {
                format!("start-up SDO {index:#06x}:{sub:02x} was not taken: {cause}")
            }
            BusFault::ImageTooLarge { bytes, limit } => {
                format!("process image needs {bytes} bytes of {limit}")
            }
            BusFault::BringUpPanic { message } => format!("program error during bring-up: {message}"),
            BusFault::Timeout { doing } => format!("timeout: {doing}"),
            BusFault::Protocol { doing, cause } => format!("{doing}: {cause}"),
            BusFault::NotUp => "the bus is not up".to_owned(),
        }
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            BusFault::NoLink { .. } => {
                "check the interface's name and that it is up; raw sockets need CAP_NET_RAW"
            }
            BusFault::NoSubDevices { .. } => {
                "check power and cable at the first SubDevice, and the interface chosen"
            }
            BusFault::WrongSegment { .. } => {
                "compare the order and types of the SubDevices with the cell description"
            }
            BusFault::StateTransition { .. } => "look the AL status code up in the SubDevice's manual",
            BusFault::StartUpSdo { .. } => {
                "check the start-up SDO in the cell description against the manual"
            }
            BusFault::ImageTooLarge { .. } => "split the segment, or map fewer process data objects",
            BusFault::BringUpPanic { .. } => "a SubDevice may have sent an emergency; power-cycle it",
            BusFault::Timeout { .. } => "check cables and the state of the SubDevices",
            BusFault::Protocol { .. } => "check cables, power and firmware of the SubDevices",
            BusFault::NotUp => "bring the bus up",
        }
    }
}

impl core::fmt::Display for BusFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {} ({})", self.place(), self.cause(), self.remedy())
    }
}

impl std::error::Error for BusFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_transition_names_place_cause_and_remedy() {
        let fault = BusFault::StateTransition {
            position: 4,
            name: "press_z".to_owned(),
            wanted: AlState::Op,
            reached: AlState::SafeOp,
            code: 0x001B,
        };
        let text = fault.to_string();
        for part in ["SubDevice 4 (press_z)", "OP", "SAFE-OP", "0x001b", "SyncManager watchdog", "manual"] {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
    }
}
