//! References by name to what a cell has, each refused with what is known and a "did you mean".

use cellwright_model::cell::Cell;

use crate::code::Code;
use crate::decode::Decoder;
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
    if let Some(at) = names.iter().position(|n| *n == text.text) {
        return Some(make(at as u16));
    }
    let help = suggest::remedy(&text.text, names.iter().map(String::as_str));
    d.error_at(code, &text, format!("there is no {what} `{}`", text.text), help);
    None
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
    tray, trays, TrayId, UnknownTray, "tray";
    leak_tester, leak_testers, LeakTesterId, UnknownLeakTester, "leak tester";
}
