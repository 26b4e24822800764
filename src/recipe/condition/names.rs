//! Names in conditions: signals of the cell, sensors of the step's station, measurements of steps before.

use cellwright_model::cell::Cell;
use cellwright_model::expr::{Expr, Term};
use cellwright_model::{Dimension, InputId, StationId};

use super::Reader;
use super::tokens::Token;
use crate::code::Code;
use crate::decode::Decoder;
use crate::made::{Found, Made};
use crate::suggest;
use crate::tree::Node;

/// Where a condition is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scene {
    /// Anywhere in the cell: an invariant, a step without a station, cell.yaml itself.
    #[default]
    Cell,
    /// In a step at this station: its sensors go by their short names.
    Station(StationId),
    /// In a step whose station could not be read, which has been said: a name of any station will do.
    Unread,
}

impl Scene {
    /// The input that a name means here.
    fn input(self, cell: &Cell, name: &str) -> Option<InputId> {
        let at = |station: &str| cell.input(&format!("{station}.{name}"));
        let here = match self {
            Scene::Cell => None,
            Scene::Station(s) => at(&cell.stations.get(s.index())?.name),
            Scene::Unread => cell.stations.iter().find_map(|s| at(&s.name)),
        };
        here.or_else(|| cell.input(name))
    }
}

/// Station of a sensor, by the name of its input.
fn station_of(cell: &Cell, input: &str) -> Option<StationId> {
    input.split_once('.').and_then(|(station, _)| cell.station(station))
}

/// Refuses sensors of stations in a condition that is looked at wherever the unit is: with a table and several units,
/// whose nest stands there then nobody knows. `at`: the station at which it is looked at for certain.
pub(crate) fn refuse_stations(
    d: &mut Decoder<'_>,
    node: &Node,
    expr: &Expr,
    cell: &Cell,
    at: Option<StationId>,
) {
    if cell.table.is_none() || cell.units_in_flight_max < 2 {
        return;
    }
    let mut inputs = Vec::new();
    expr.inputs(&mut inputs);
    let names = inputs.iter().map(|i| cell.digital_inputs[i.index()].name.as_str());
    let elsewhere = |name: &&str| station_of(cell, name).is_some_and(|s| Some(s) != at);
    let Some(name) = names.into_iter().find(elsewhere) else { return };
    let station = station_of(cell, name).map_or("", |s| &cell.stations[s.index()].name);
    let message =
        format!("`{name}` looks at whatever nest stands at `{station}` then, perhaps that of another unit");
    let help = format!("ask in a step with `station: {station}`: the table waits for that");
    d.sink.error(Code::OtherStation, node.span, message, help);
}

/// What a condition can see from where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    pub cell: &'a Cell,
    pub scene: Scene,
    /// Measurements on the way there; `None`: no unit is spoken of.
    pub made: Option<&'a Made>,
    /// What stands before the ids of the steps beside it: `feed/` in a sub-recipe.
    pub prefix: &'a str,
}

impl<'a> Sight<'a> {
    /// Signals alone, anywhere in the cell.
    pub fn of_cell(cell: &'a Cell) -> Sight<'a> {
        Sight { cell, scene: Scene::Cell, made: None, prefix: "" }
    }
}

impl<'s> Reader<'_, '_, 's> {
    pub(super) fn signal(&mut self, token: Token<'s>) -> Option<Expr> {
        let name = token.text;
        if let Some(input) = self.sight.scene.input(self.sight.cell, name) {
            return self.seen_here(token, input).then_some(Expr::Input(input));
        }
        let span = self.span(token);
        if self.sight.cell.analog(name).is_some() {
            let message = format!("`{name}` is an analog channel, neither on nor off");
            let help = format!("compare it: `{name} < 2 …` or `{name} > 2 …`");
            self.error(Code::ConditionKind, span, message, help);
            return None;
        }
        if self.sight.cell.output(name).is_some() {
            let message = format!("`{name}` is an output: what was commanded proves nothing");
            self.error(Code::ConditionKind, span, message, "name the input that sees its effect".into());
            return None;
        }
        let help = self.unknown(name);
        self.error(Code::UnknownSignal, span, format!("there is no signal `{name}`"), help);
        None
    }

    /// With several units in flight another unit stands at every other station: what is seen there says nothing
    /// about the part of this step, so a step asks its own station only.
    fn seen_here(&mut self, token: Token<'_>, input: InputId) -> bool {
        let name = self.sight.cell.digital_inputs[input.index()].name.clone();
        let (Scene::Station(here), Some(there)) = (self.sight.scene, station_of(self.sight.cell, &name))
        else {
            return true;
        };
        if here == there {
            return true;
        }
        let (here, short) =
            (&self.sight.cell.stations[here.index()].name, name.split_once('.').map_or("", |n| n.1));
        let message =
            format!("`{name}` looks at another station than this step's, `{here}`, where another unit is");
        let help = match self.sight.cell.input(&format!("{here}.{short}")) {
            Some(_) => format!("write `{short}`: at `{here}` that is `{here}.{short}`"),
            None => format!(
                "`{here}` has no `{short}`: ask in a step at `{}`",
                name.trim_end_matches(short).trim_end_matches('.')
            ),
        };
        self.error(Code::OtherStation, self.span(token), message, help);
        false
    }

    /// Remedy for a name that is no signal here: the names that may be meant, the short ones of this station too.
    fn unknown(&self, name: &str) -> String {
        let all = self.sight.cell.digital_inputs.iter().map(|i| i.name.as_str());
        let of_stations = |name: &str| -> Vec<String> {
            let ours = |i: &&str| i.split_once('.').is_some_and(|(_, short)| short == name);
            all.clone().filter(ours).map(|i| format!("`{i}`")).collect()
        };
        let elsewhere = of_stations(name);
        match self.sight.scene {
            Scene::Station(s) if !elsewhere.is_empty() => {
                let here = &self.sight.cell.stations[s.index()].name;
                format!("`{here}` has no such sensor, only {}: ask in a step there", elsewhere.join(", "))
            }
            _ if !elsewhere.is_empty() => {
                format!("ask in a step with a `station:`; there are {}", elsewhere.join(", "))
            }
            Scene::Station(s) => {
                let here = format!("{}.", self.sight.cell.stations[s.index()].name);
                let short = all.clone().filter_map(|i| i.strip_prefix(here.as_str()));
                suggest::remedy(name, short.chain(all.clone()))
            }
            Scene::Cell | Scene::Unread => suggest::remedy(name, all),
        }
    }

    /// A channel, or a measurement.
    pub(super) fn value(&mut self, token: Token<'s>) -> Option<(Term, Dimension)> {
        let (name, cell) = (token.text, self.sight.cell);
        if let Some(id) = cell.analog(name) {
            return Some((Term::Analog(id), cell.analogs[id.index()].dimension));
        }
        let span = self.span(token);
        if self.sight.scene.input(cell, name).is_some() {
            let message = format!("`{name}` is on or off");
            self.error(Code::ConditionKind, span, message, format!("write `{name}` alone"));
            return None;
        }
        let found = self.sight.made.map(|made| made.find(self.sight.prefix, name));
        let (code, message, help) = match found {
            Some(Found::Made(made)) => {
                let term = Term::Measured { step: made.step.clone(), name: made.name.clone() };
                return Some((term, made.dimension));
            }
            Some(Found::Perhaps(why)) => {
                let message = format!("`{name}` may not have been measured: {}", why.cause());
                (Code::NotMade, message, why.remedy().to_string())
            }
            Some(Found::Unknown) if name.contains('.') => {
                let known =
                    self.sight.made.map(|made| made.names(self.sight.prefix, name)).unwrap_or_default();
                let message = format!("no step before this one measures `{name}`");
                let help = suggest::remedy(name, known.iter().map(String::as_str));
                (Code::UnknownMeasurement, message, help)
            }
            _ => {
                let names: Vec<_> = cell.analogs.iter().map(|a| a.name.as_str()).collect();
                let message = format!("there is no analog channel `{name}`");
                (Code::UnknownAnalog, message, suggest::remedy(name, names))
            }
        };
        self.error(code, span, message, help);
        None
    }
}
