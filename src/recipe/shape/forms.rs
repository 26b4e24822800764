//! Texts of a certain form: as a pattern, with an example. Patterns are regular expressions that ECMA 262 and
//! Python read alike.

/// Of a number before a unit.
pub const NUMBER: &str = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?";

/// See the module text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Version,
    Date,
    Gtin,
    /// Encoder counts for each unit of an axis.
    Counts,
    Address,
    /// A measure's unit.
    Unit,
    /// `name@number`.
    Numbered,
    /// An object in a PDO, with its bits.
    Mapped,
    RxPdo,
    TxPdo,
    PublicKey,
    /// What a GS1 code can hold.
    Gs1,
    SerialPrefix,
    /// A signed whole number.
    Signed,
    /// A parameter's name.
    Parameter,
    /// A nest or pocket by its number, or a cobot.
    Spot,
}

impl Form {
    /// Without anchors.
    pub fn pattern(self) -> &'static str {
        match self {
            Form::Version => r"[0-9]+\.[0-9]+\.[0-9]+",
            Form::Date => r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
            Form::Gtin => r"[0-9]{14}",
            Form::Counts => r"[0-9.eE+]+\s*/\s*\S+",
            Form::Address => r"[^ ]+:[0-9]+",
            Form::Unit => r"\S+",
            Form::Numbered => r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}@[0-9]+",
            Form::Mapped => r"(0x[0-9A-Fa-f]{1,4}(:[0-9A-Fa-f]{1,2})?|gap)\s*/\s*[0-9]{1,2}",
            Form::RxPdo => r"0x1[67][0-9A-Fa-f]{2}",
            Form::TxPdo => r"0x1[ABab][0-9A-Fa-f]{2}",
            Form::PublicKey => r"[0-9a-f]{64}",
            Form::Gs1 => r"[A-Za-z0-9_./-]{1,20}",
            Form::SerialPrefix => r"[A-Za-z0-9_./-]{0,16}",
            Form::Signed => r"-?[0-9]+|0x[0-9A-Fa-f]+",
            Form::Parameter => r"[A-Za-z0-9][A-Za-z0-9_]{0,63}",
            Form::Spot => r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}(/[0-9]+)?",
        }
    }

    /// YAML may take such a text for a number.
    pub fn may_be_number(self) -> bool {
        matches!(self, Form::Gtin | Form::PublicKey | Form::Gs1 | Form::SerialPrefix | Form::Signed)
    }

    pub fn example(self) -> &'static str {
        match self {
            Form::Version => "3.2.0",
            Form::Date => "2027-06-30",
            Form::Gtin => "04012345678901",
            Form::Counts => "1000 / mm",
            Form::Address => "127.0.0.1:2114",
            Form::Unit => "um",
            Form::Numbered => "cannula-tip@4",
            Form::Mapped => "0x6040/16",
            Form::RxPdo => "0x1600",
            Form::TxPdo => "0x1A00",
            Form::PublicKey => "8f4c… (64 digits)",
            Form::Gs1 => "IS23-0417",
            Form::SerialPrefix => "CW-",
            Form::Signed => "-2",
            Form::Parameter => "seat_depth",
            Form::Spot => "good_tray/4",
        }
    }
}
