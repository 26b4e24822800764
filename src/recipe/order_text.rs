//! An order file (`*.order.yaml`) to what is to be made: lot, product, recipe, quantity, serials.
//!
//! The recipe stands there as a path relative to the order file; [`OrderText::terms`] pins the one that was
//! found. Whether an order may be made at all (it is complete, its serials are taken) is decided against the
//! state directory, not here.

use cellwright_model::cell::Cell;
use cellwright_model::order::{OrderTerms, Product, RecipePin, SERIAL_CHARS_MAX, SerialRange, stem};
use cellwright_model::outcome::Purpose;
use cellwright_model::plan::Plan;

use crate::cell_text::{self, date, serial_prefix};
use crate::code::Code;
use crate::decode::{Decoder, Fields};
use crate::diagnostic::{Diagnostic, Sink};
use crate::order_sets::{SetText, sets};
use crate::plant_text::{gs1_text, gtin};
use crate::scope::Scope;
use crate::source::{FileSource, Sources, Span};
use crate::tree::Node;

/// Good units of one order: more than a cell makes in a year.
const QUANTITY_MAX: u64 = 1_000_000;
/// Greatest number of a serial: exact in JSON.
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// An order file, read. The recipe is not looked at yet.
#[derive(Debug, Clone)]
pub struct OrderText {
    id: String,
    lot: String,
    product: Product,
    /// Path of the recipe, from where paths are relative to.
    pub recipe: String,
    recipe_span: Span,
    /// Row of the recipe's `variants:`.
    pub variant: Option<String>,
    variant_span: Option<Span>,
    quantity: u32,
    starts_max: u32,
    serials: SerialRange,
    due: Option<String>,
    pub purpose: Purpose,
    purpose_span: Option<Span>,
    /// Of single serials.
    pub sets: Vec<SetText>,
}

/// Why there can be no production record here: (cause, remedy). `None`: there can.
pub type NoProduction<'a> = Option<(&'a str, &'a str)>;

/// Reads the order file at `path` for a cell.
///
/// # Errors
/// Every diagnostic, warnings among them, in the order of the text.
pub fn load_order(
    files: &dyn FileSource,
    path: &str,
    cell: &Cell,
    no_production: NoProduction<'_>,
    sources: &mut Sources,
) -> Result<(OrderText, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut sink = Sink::new();
    let order = read(files, path, cell, no_production, sources, &mut sink);
    let failed = sink.errors() > 0;
    match order {
        Some(order) if !failed => Ok((order, sink.finish())),
        _ => Err(sink.finish()),
    }
}

fn read(
    files: &dyn FileSource,
    path: &str,
    cell: &Cell,
    no_production: NoProduction<'_>,
    sources: &mut Sources,
    sink: &mut Sink,
) -> Option<OrderText> {
    let (root, _) = cell_text::parse(files, path, sources, sink)?;
    let scope = Scope::empty();
    let mut d = Decoder { sink, scope: &scope };
    let mut f = d.fields(&root)?;
    cell_text::schema(&mut d, &mut f, "order");
    let id = f.req("id", &mut d, |d, n| d.identifier(n));
    let lot = f.req("lot", &mut d, gs1_text);
    let product = f.req("product", &mut d, |d, n| product(d, n, cell));
    let recipe = f.req("recipe", &mut d, recipe);
    let variant = f.opt("variant", &mut d, |d, n| d.identifier(n));
    let quantity = f.req("quantity", &mut d, |d, n| d.integer(n, 1, QUANTITY_MAX));
    let serials = f.req("serials", &mut d, |d, n| Some((serials(d, n, cell)?, n.span)));
    let starts_max = starts_max(&mut d, &mut f, quantity, serials.as_ref());
    let due = f.opt("due", &mut d, date);
    let purpose = f.opt("purpose", &mut d, |d, n| Some((purpose(d, n, no_production)?, n.span)));
    let range = serials.as_ref().map(|(range, _)| range);
    let sets = f.opt("sets", &mut d, |d, n| sets(d, n, range)).unwrap_or_default();
    f.finish(&mut d);
    let (recipe, recipe_span) = recipe?;
    let directory = path.rfind('/').map_or("", |at| &path[..=at]);
    let recipe = if recipe.starts_with('/') { recipe } else { format!("{directory}{recipe}") };
    Some(OrderText {
        id: id?.text,
        lot: lot?,
        product: product?,
        recipe,
        recipe_span,
        variant_span: variant.as_ref().map(|t| t.span),
        variant: variant.map(|t| t.text),
        quantity: quantity? as u32,
        starts_max: starts_max?,
        serials: serials?.0,
        due,
        purpose: purpose.map_or(Purpose::Trial, |(purpose, _)| purpose),
        purpose_span: purpose.map(|(_, span)| span),
        sets,
    })
}

fn product(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Product> {
    let mut f = d.fields(node)?;
    let part = f.req("part", d, |d, n| d.identifier(n));
    let before = d.sink.errors();
    let di = f.opt("udi", d, |d, n| {
        let mut f = d.fields(n)?;
        let di = f.req("di", d, |d, n| Some((gtin(d, n)?, n.span)));
        f.finish(d);
        di
    });
    if let (Some(part), Some((di, at))) = (&part, &di) {
        is_its_number(d, cell, &part.text, di, *at);
    }
    let right = d.sink.errors() == before;
    f.finish(d);
    right.then_some(Product { part: part?.text, di: di.map(|(di, _)| di) })
}

/// A number that the cell knows for another part would put that part's UDI on every unit, and so would another number
/// than it knows for this one.
fn is_its_number(d: &mut Decoder<'_>, cell: &Cell, part: &str, di: &str, at: Span) {
    let own = cell.materials.iter().find(|m| m.part == part);
    let other = cell.materials.iter().find(|m| m.gtin == di && m.part != part);
    let (message, help) = match (own, other) {
        (Some(own), _) if own.gtin != di => (
            format!("{di} is not the number of {part}"),
            format!("`materials:` of the cell has {}", own.gtin),
        ),
        (_, Some(other)) => {
            let help = "give the product its own, or correct `materials:` of the cell".to_owned();
            (format!("{di} is the number of {}", other.part), help)
        }
        _ => return,
    };
    d.sink.error(Code::OrderUdi, at, message, help);
}

fn recipe(d: &mut Decoder<'_>, node: &Node) -> Option<(String, Span)> {
    let text = d.string(node)?;
    if text.is_empty() {
        d.sink.error(
            Code::BadText,
            node.span,
            "an empty path",
            "write the path from this file to the recipe",
        );
        return None;
    }
    Some((text, node.span))
}

fn serials(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<SerialRange> {
    let mut f = d.fields(node)?;
    let prefix = f.req("prefix", d, |d, n| Some((serial_prefix(d, n)?, n.span)));
    let first = f.req("first", d, |d, n| d.digits(n, 0, NUMBER_MAX));
    let last = f.req("last", d, last);
    f.finish(d);
    let ((prefix, at), first, (last, digits)) = (prefix?, first?, last?);
    if last < first {
        let message = format!("the serials end at {last}, before they begin at {first}");
        d.sink.error(Code::SerialRange, node.span, message, "write the lower number as `first`");
        return None;
    }
    if prefix.len() + digits > SERIAL_CHARS_MAX {
        let message = format!("a serial would have {} characters", prefix.len() + digits);
        let help = format!("at most {SERIAL_CHARS_MAX}, as GS1 AI (21) holds");
        d.sink.error(Code::SerialRange, node.span, message, help);
        return None;
    }
    if stem(&prefix) == stem(&cell.serial_prefix) {
        let message = format!("serials that begin with `{prefix}` are those of units without an order");
        let help = format!("`{}` is the serial_prefix of the cell: write another", cell.serial_prefix);
        d.sink.error(Code::SerialRange, at, message, help);
        return None;
    }
    Some(SerialRange { prefix, digits: digits as u8, first, last })
}

/// The last number, and with how many digits it is written: leading zeros say how long all of them are.
fn last(d: &mut Decoder<'_>, node: &Node) -> Option<(u64, usize)> {
    let number = d.digits(node, 0, NUMBER_MAX)?;
    let text = d.text(node)?;
    if text.text.starts_with("0x") {
        d.error_at(Code::NotANumber, &text, "the last serial in hexadecimal", "write it in decimal digits");
        return None;
    }
    Some((number, text.text.len()))
}

/// The bound on starts; what is left out is the range.
fn starts_max(
    d: &mut Decoder<'_>,
    f: &mut Fields<'_>,
    quantity: Option<u64>,
    serials: Option<&(SerialRange, Span)>,
) -> Option<u32> {
    let given = f.opt("starts_max", d, |d, n| Some((d.integer(n, 1, u64::from(u32::MAX))?, n.span)));
    let (quantity, (range, at)) = (quantity?, serials?);
    let count = range.count();
    if count < quantity {
        let message = format!("{count} serials for {quantity} good units");
        d.sink.error(
            Code::OrderQuantity,
            *at,
            message,
            "give it as many serials as units may have to be started",
        );
        return None;
    }
    match given {
        Some((starts, at)) if !(quantity..=count).contains(&starts) => {
            let message = format!("{starts} starts for {quantity} good units and {count} serials");
            let help =
                format!("between {quantity} and {count}, or leave it out: then the serials are the bound");
            d.sink.error(Code::OrderQuantity, at, message, help);
            None
        }
        Some((starts, _)) => Some(starts as u32),
        None => Some(u32::try_from(count).unwrap_or(u32::MAX)),
    }
}

fn purpose(d: &mut Decoder<'_>, node: &Node, no_production: NoProduction<'_>) -> Option<Purpose> {
    let words = [
        ("trial", Purpose::Trial),
        ("validation", Purpose::Validation),
        ("production", Purpose::Production),
        ("rework", Purpose::Rework),
    ];
    let purpose = d.word(node, &words)?;
    if let (Purpose::Production, Some((cause, remedy))) = (purpose, no_production) {
        d.sink.error(Code::PurposeRefused, node.span, cause, remedy);
        return None;
    }
    Some(purpose)
}

impl OrderText {
    /// The terms, with the recipe that was found at [`OrderText::recipe`].
    pub fn terms(&self, plan: &Plan) -> OrderTerms {
        OrderTerms {
            id: self.id.clone(),
            lot: self.lot.clone(),
            product: self.product.clone(),
            recipe: RecipePin {
                id: plan.recipe_id.clone(),
                version: plan.recipe_version.clone(),
                hash: plan.recipe_hash.clone(),
            },
            variant: self.variant.clone(),
            quantity: self.quantity,
            starts_max: self.starts_max,
            serials: self.serials.clone(),
            due: self.due.clone(),
            purpose: self.purpose,
            sets: self.sets.iter().flat_map(SetText::by_serial).collect(),
        }
    }

    /// Its purpose and the recipe belong together: a rework takes the product itself back, and nothing else does. What
    /// does not is told at the word of the order file that is wrong.
    pub(crate) fn fits(&self, plan: &Plan, sink: &mut Sink) {
        let (rework, part) = (self.purpose == Purpose::Rework, &self.product.part);
        let (message, help) = match plan.reworks() {
            None if rework => (
                "the recipe takes no finished unit".to_owned(),
                "name a recipe with a component that is the unit itself, `identify: own-serial`".to_owned(),
            ),
            Some(unit) if !rework => (
                format!("the recipe takes finished units back, by its component `{}`", unit.name),
                "write `purpose: rework`: they keep the serials that they have".to_owned(),
            ),
            Some(unit) if unit.part != *part => (
                format!("the recipe takes {} back, and the order is of {part}", unit.part),
                format!("write `part: {}`, or name the recipe for {part}", unit.part),
            ),
            _ => return,
        };
        sink.error(Code::PurposeRefused, self.purpose_span.unwrap_or(self.recipe_span), message, help);
    }

    /// What the compiler of the recipe says of words that stand in the order file is shown there: a recipe
    /// that cannot be read, a variant that it does not have.
    pub fn at_its_words(&self, diagnostics: Vec<Diagnostic>, sources: &Sources) -> Vec<Diagnostic> {
        let place = |d: Diagnostic| match (d.code, self.variant_span) {
            (Code::NotReadable, _) if sources.file(d.span.file).path == self.recipe => {
                Diagnostic { span: self.recipe_span, ..d }
            }
            (Code::UnknownVariant, Some(span)) => Diagnostic { span, ..d },
            _ => d,
        };
        diagnostics.into_iter().map(place).collect()
    }
}
