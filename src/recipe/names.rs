//! References by name to what a cell has, each refused with what is known and a "did you mean".

use cellwright_model::TrayId;
use cellwright_model::cell::Cell;

use crate::code::Code;
use crate::decode::{Decoder, Text};
use crate::source::Span;
use crate::suggest;
use crate::tree::Node;

/// A name that must be known, with what is known for the remedy.
pub fn known<T>(
    d: &mut Decoder<'_>,
    node: &Node,
    code: Code,
    what: &str,
    names: &[String],
    make: impl FnOnce(u16) -> T,
) -> Option<T> {
    let text = d.text(node)?;
    known_word(d, &text, &text.text, code, what, names, make)
}

/// The same for a part of a text.
fn known_word<T>(
    d: &mut Decoder<'_>,
    text: &Text,
    word: &str,
    code: Code,
    what: &str,
    names: &[String],
    make: impl FnOnce(u16) -> T,
) -> Option<T> {
    if let Some(at) = names.iter().position(|n| n == word) {
        return Some(make(at as u16));
    }
    let help = suggest::remedy(word, names.iter().map(String::as_str));
    d.error_at(code, text, format!("there is no {what} `{word}`"), help);
    None
}

/// The tray in `hub_tray.next`.
pub fn tray_of(d: &mut Decoder<'_>, text: &Text, word: &str, cell: &Cell) -> Option<TrayId> {
    let names: Vec<String> = cell.trays.iter().map(|t| t.name.clone()).collect();
    known_word(d, text, word, Code::UnknownTray, "tray", &names, TrayId)
}

/// A tray that is named by a key.
pub(crate) fn tray_at(d: &mut Decoder<'_>, name: &str, span: Span, cell: &Cell) -> Option<TrayId> {
    let key = Text { text: name.to_owned(), span, origin: None, verbatim: false, quoted: false };
    tray_of(d, &key, name, cell)
}

macro_rules! references {
    ($($method:ident, $list:ident, $id:ident, $code:ident, $what:literal;)*) => {$(
        #[doc = concat!("A reference to an entry of `Cell::", stringify!($list), "`.")]
        pub fn $method(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<cellwright_model::$id> {
            let names: Vec<String> = cell.$list.iter().map(|x| x.name.clone()).collect();
            known(d, node, Code::$code, $what, &names, cellwright_model::$id)
        }
    )*};
}

references! {
    axis, axes, AxisId, UnknownAxis, "axis";
    input, digital_inputs, InputId, UnknownSignal, "input signal";
    output, digital_outputs, OutputId, UnknownOutput, "output";
    analog, analogs, AnalogId, UnknownAnalog, "analog channel";
    station, stations, StationId, UnknownStation, "station";
    robot, robots, RobotId, UnknownRobot, "robot";
    camera, cameras, CameraId, UnknownCamera, "camera";
    scanner, scanners, ScannerId, UnknownScanner, "scanner";
    printer, printers, PrinterId, UnknownPrinter, "printer";
    tray, trays, TrayId, UnknownTray, "tray";
    leak_tester, leak_testers, LeakTesterId, UnknownLeakTester, "leak tester";
}
