//! `label`: prints the label of the unit, puts it on, and reads it back.
//!
//! ```yaml
//! - label: { id: udi-label, station: test, printer: label_1, at: nest, scanner: scan_2, on_fail: reject }
//! ```
//! The label says the unit's UDI; without a device identifier in the order it says the serial alone, and that it is
//! no UDI. Printer and scanner are those at the step's station, which is that of the step before unless given. Where
//! the station has no scanner, nothing is read back: then nothing is judged.

use cellwright_model::plan::{Primitive, Resource};
use cellwright_model::{DurationNs, PrinterId, ScannerId};
use cellwright_recipe::shape::Names;
use cellwright_recipe::{Code, Context, Draft, Fields, Restart, Shape, StepKind, shape};

use crate::there;

pub(crate) struct Label;

shape! { LABEL = "label", "Prints the unit's label, puts it on, and reads it back." {
    opt "station": Name(Names::Station), "Where the unit's nest has to be; that of the step before if left out.";
    opt "printer": Name(Names::Printer), "The printer, where the station has several.";
    req "at": Word(&["nest"]), "The unit's nest.";
    opt "scanner": Name(Names::Scanner), "What reads it back, where the station has several scanners.";
}}

impl StepKind for Label {
    fn name(&self) -> &'static str {
        "label"
    }
    fn judges(&self) -> bool {
        true
    }
    /// A label may have been printed, and lie somewhere.
    fn restart(&self) -> Restart {
        Restart::Never
    }
    fn works_on_unit(&self) -> bool {
        true
    }
    fn shape(&self) -> &'static Shape {
        &LABEL
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let cell = cx.cell;
        let given = cx.station_opt(f);
        let here = given.or(cx.here);
        let printer = there::printers(cell).one(f, cx, given, here);
        f.req("at", cx.d, |d, n| d.word(n, &[("nest", ())]));
        let station = printer.map(|n| cell.printers[usize::from(n)].station).or(here);
        let scanners = there::scanners(cell);
        // Where the station is not known, neither is whether there is a scanner.
        let reads = f.entry("scanner").is_some() || station.is_some_and(|s| scanners.count(s) > 0);
        let scanner = if reads { scanners.one(f, cx, station, station) } else { None };
        let at = &cell.printers[usize::from(printer?)];
        if reads && scanner.is_none() {
            return None;
        }
        if let (false, Some(entry)) = (reads, f.entry("on_fail")) {
            let message = "nothing reads the label back, so that no part is ever bad here";
            cx.d.sink.error(Code::UnknownField, entry.key_span, message, "take it out, or name a scanner");
        }
        let mut draft = Draft {
            station: Some(at.station),
            resources: vec![Resource::Printer(PrinterId(printer?))],
            ops: vec![Primitive::PrintLabel { printer: PrinterId(printer?) }],
            ..Draft::default()
        };
        let mut answers = at.answer_timeout.0;
        if let Some(scanner) = scanner {
            draft.resources.push(Resource::Scanner(ScannerId(scanner)));
            draft.ops.push(Primitive::ReadLabel { scanner: ScannerId(scanner) });
            answers = answers.saturating_add(cell.scanners[usize::from(scanner)].answer_timeout.0);
        }
        draft.timeout = Some(DurationNs(answers.saturating_mul(2)));
        Some(draft)
    }
}
