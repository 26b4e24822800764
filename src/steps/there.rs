//! Devices that belong to a station: a step names one, or takes the only one where it is.

use cellwright_model::StationId;
use cellwright_model::cell::Cell;
use cellwright_recipe::decode::Decoder;
use cellwright_recipe::{Code, Context, Fields, Node, Span};

/// Reads the name of a device: its place in the list.
type Name = fn(&mut Decoder<'_>, &Node, &Cell) -> Option<u16>;

/// One family of devices.
pub(crate) struct There<'c> {
    /// The word for one, which is its field too.
    pub(crate) word: &'static str,
    pub(crate) name: Name,
    /// Of each its name, and its station.
    pub(crate) all: Vec<(&'c str, StationId)>,
}

impl There<'_> {
    /// The place in its list of the one that the step names, or of the only one `at` its station. `None` has been
    /// said.
    pub(crate) fn one(
        &self,
        f: &mut Fields<'_>,
        cx: &mut Context<'_, '_>,
        given: Option<StationId>,
        at: Option<StationId>,
    ) -> Option<u16> {
        let (cell, head, name) = (cx.cell, f.head(), self.name);
        let named = f.opt(self.word, cx.d, |d, n| name(d, n, cell).map(|id| (id, n.span)));
        match (named, f.entry(self.word)) {
            (Some((id, span)), _) => self.at_its_station(cx, id, given, span),
            (None, Some(_)) => None,
            (None, None) => self.only(cx, at, head),
        }
    }

    /// How many there are at a station.
    pub(crate) fn count(&self, station: StationId) -> usize {
        self.all.iter().filter(|(_, at)| *at == station).count()
    }

    fn at_its_station(
        &self,
        cx: &mut Context<'_, '_>,
        id: u16,
        station: Option<StationId>,
        span: Span,
    ) -> Option<u16> {
        let (name, at) = *self.all.get(usize::from(id))?;
        if station.is_some_and(|s| s != at) {
            let at = &cx.cell.stations[at.index()].name;
            let help = format!("write `station: {at}`, or name another {}", self.word);
            cx.d.sink.error(Code::NotAtStation, span, format!("`{name}` is at station `{at}`"), help);
            cx.doubt_station();
            return None;
        }
        Some(id)
    }

    fn only(&self, cx: &mut Context<'_, '_>, station: Option<StationId>, span: Span) -> Option<u16> {
        let here = |s: &StationId| station.is_none_or(|at| *s == at);
        let mut there = self.all.iter().enumerate().filter(|(_, (_, s))| here(s));
        let (first, more) = (there.next(), there.count());
        if let (Some((i, _)), 0) = (first, more) {
            return u16::try_from(i).ok();
        }
        // Where the unit is, a step before may have said wrongly: that has been told, and no plan comes of it.
        if let (Some((i, _)), None, true) = (first, station, cx.d.sink.errors() > 0) {
            return u16::try_from(i).ok();
        }
        let place = station
            .map_or("this cell".to_string(), |s| format!("station `{}`", cx.cell.stations[s.index()].name));
        let message = match first {
            None => format!("{place} has no {}", self.word),
            Some(_) => format!("{place} has {} {}s", more + 1, self.word),
        };
        let help = format!("add `{}: …` and `station: …`", self.word);
        cx.d.sink.error(Code::NotAtStation, span, message, help);
        None
    }
}

/// The scanners of a cell.
pub(crate) fn scanners(cell: &Cell) -> There<'_> {
    There {
        word: "scanner",
        name: |d, n, cell| cellwright_recipe::names::scanner(d, n, cell).map(|id| id.0),
        all: cell.scanners.iter().map(|s| (s.name.as_str(), s.station)).collect(),
    }
}

/// The label printers of a cell.
pub(crate) fn printers(cell: &Cell) -> There<'_> {
    There {
        word: "printer",
        name: |d, n, cell| cellwright_recipe::names::printer(d, n, cell).map(|id| id.0),
        all: cell.printers.iter().map(|p| (p.name.as_str(), p.station)).collect(),
    }
}
