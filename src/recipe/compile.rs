//! A recipe file to a [`Plan`]: parameters, variants, sub-recipes, steps, and the checks over the whole.
//!
//! Every variant is compiled, whichever is asked for: a mistake in a row that is not used today
//! is a mistake.

mod common;
mod flow;
mod header;
mod motion;
mod nest;
mod shadow;
mod steps;
mod zones;

use std::collections::BTreeMap;

use cellwright_model::cell::Cell;
use cellwright_model::curve::sha256_hex;
use cellwright_model::plan::{PLAN_FORMAT, Plan};

use crate::code::Code;
use crate::decode::Decoder;
use crate::diagnostic::{Diagnostic, Severity, Sink};
use crate::order_sets::SetText;
use crate::order_text::OrderText;
use crate::params;
use crate::scope::Scope;
use crate::source::{FileId, FileSource, Sources, Span};
use crate::step::StepKind;
use crate::suggest;
use crate::tree::{self, Node, Value};

/// Compilations that try the ends of parameters, and steps and lines in all of them: each takes as long as a variant.
/// What is beyond them an order's own compilation tells.
const BOUNDS_MAX: usize = 512;
const BOUNDS_WORK_MAX: usize = 100_000;
/// Bytes of a line, about.
const LINE_BYTES: usize = 64;
/// Sub-recipes of one recipe, each a file.
const OPERATIONS_MAX: usize = 64;

/// A file of the recipe, read once.
struct Parsed {
    file: FileId,
    root: Option<Node>,
}

/// What stays the same over all variants of one compilation.
struct Compiler<'a> {
    files: &'a dyn FileSource,
    cell: &'a Cell,
    kinds: &'a [&'a dyn StepKind],
    sources: &'a mut Sources,
    /// Directory of the root file, with its `/`.
    directory: String,
    /// Sub-recipes by name, in the order of their first use in `order`.
    parsed: BTreeMap<String, std::rc::Rc<Parsed>>,
    order: Vec<(String, FileId)>,
    /// `params:` is misspelt.
    params_unread: bool,
}

/// The row that is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Row<'a> {
    /// Of `variants:`; `None`: the defaults.
    pub variant: Option<&'a str>,
    /// Parameters that have other values than in that row, with them: the rules of a variant hold for each.
    pub set: &'a [(String, String)],
}

/// Compiles the recipe at `path` for a cell. `variant`: a row of `variants:`, or the defaults.
/// Ok: the Plan and its warnings. Err: every diagnostic, warnings among them, in the order of the text.
pub fn compile(
    files: &dyn FileSource,
    path: &str,
    cell: &Cell,
    variant: Option<&str>,
    kinds: &[&dyn StepKind],
    sources: &mut Sources,
) -> Result<(Plan, Vec<Diagnostic>), Vec<Diagnostic>> {
    compile_row(files, path, cell, Row { variant, set: &[] }, kinds, sources)
}

/// The same of a row with other values in it. Mistakes in these have their place in a source `--set`.
pub fn compile_row(
    files: &dyn FileSource,
    path: &str,
    cell: &Cell,
    row: Row<'_>,
    kinds: &[&dyn StepKind],
    sources: &mut Sources,
) -> Result<(Plan, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut sink = Sink::new();
    let rows = compile_into(files, path, cell, (row, &[]), kinds, sources, &mut sink);
    let is = |plan: &Plan| plan.variant.as_deref() == row.variant && plan.set.as_slice() == row.set;
    ended(rows.and_then(|rows| rows.plans.into_iter().find(is)), sink)
}

/// A recipe whole: what is signed of it.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The Plan of the defaults, then of each variant in the order of the file.
    pub plans: Vec<Plan>,
    /// Of the sets of an order.
    sets: Vec<Plan>,
    /// Path from the recipe's directory and SHA-256 of each file, in the order of `recipe_hash`.
    pub files: Vec<(String, String)>,
}

/// Compiles every row of the recipe at `path` for a cell. Results as of [`compile`].
pub fn compile_rows(
    files: &dyn FileSource,
    path: &str,
    cell: &Cell,
    kinds: &[&dyn StepKind],
    sources: &mut Sources,
) -> Result<(Rows, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut sink = Sink::new();
    let rows = compile_into(files, path, cell, (Row::default(), &[]), kinds, sources, &mut sink);
    ended(rows, sink)
}

/// The recipe of an order.
#[derive(Debug, Clone)]
pub struct OrderPlans {
    /// Of the order's row.
    pub plan: Plan,
    /// Of each set of the order, in its order: they differ from `plan` in values of parameters only.
    pub sets: Vec<Plan>,
}

/// Compiles the recipe of an order and each of its sets. What a set makes wrong is told at the set's values in the
/// order file; results otherwise as of [`compile`].
pub fn compile_order(
    files: &dyn FileSource,
    order: &OrderText,
    cell: &Cell,
    kinds: &[&dyn StepKind],
    sources: &mut Sources,
) -> Result<(OrderPlans, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut sink = Sink::new();
    let variant = order.variant.as_deref();
    let wanted = (Row { variant, set: &[] }, order.sets.as_slice());
    let rows = compile_into(files, &order.recipe, cell, wanted, kinds, sources, &mut sink);
    let found = rows.and_then(|rows| {
        let plan = rows.plans.into_iter().find(|plan| plan.variant.as_deref() == variant)?;
        order.fits(&plan, &mut sink);
        Some(OrderPlans { plan, sets: rows.sets })
    });
    ended(found, sink).map_err(|list| order.at_its_words(list, sources))
}

fn ended<T>(found: Option<T>, sink: Sink) -> Result<(T, Vec<Diagnostic>), Vec<Diagnostic>> {
    let failed = sink.errors() > 0;
    match found {
        Some(found) if !failed => Ok((found, sink.finish())),
        _ => Err(sink.finish()),
    }
}

fn compile_into(
    files: &dyn FileSource,
    path: &str,
    cell: &Cell,
    wanted: (Row<'_>, &[SetText]),
    kinds: &[&dyn StepKind],
    sources: &mut Sources,
    sink: &mut Sink,
) -> Option<Rows> {
    let directory = path.rfind('/').map_or(String::new(), |at| path[..=at].to_string());
    let (root, _) = crate::cell_text::parse(files, path, sources, sink)?;
    let file = root.span.file;
    let mut compiler = Compiler {
        files,
        cell,
        kinds,
        sources,
        parsed: BTreeMap::new(),
        order: vec![(path[directory.len()..].to_string(), file)],
        directory,
        params_unread: false,
    };
    compiler.rows(&root, wanted, sink)
}

impl Compiler<'_> {
    /// Compiles the defaults and every variant, whichever is asked for, and then a row with other values: those of
    /// a trial, or each set of an order.
    fn rows(&mut self, root: &Node, (wanted, sets): (Row<'_>, &[SetText]), sink: &mut Sink) -> Option<Rows> {
        let (decls, variants) = self.declared_rows(root, sink)?;
        let base = variants.iter().find(|v| Some(v.name.as_str()) == wanted.variant);
        if let Some(name) = wanted.variant.filter(|_| base.is_none()) {
            let help = suggest::remedy(name, variants.iter().map(|v| v.name.as_str()).collect::<Vec<_>>());
            let span = Span { end: root.span.start, ..root.span };
            sink.error(Code::UnknownVariant, span, format!("there is no variant `{name}`"), help);
        }
        shadow::warn_params(sink, self.cell, &decls);
        let mut plans = Vec::new();
        for row in core::iter::once(None).chain(variants.iter().map(Some)) {
            sink.begin_row();
            let mut scope = params::scope(&decls, row);
            scope.unread = self.params_unread;
            plans.extend(self.recipe(root, &scope, row.map(|v| v.name.clone()), sink));
        }
        let steps = plans.iter().map(|plan| plan.steps.len()).max().unwrap_or(0);
        let each = steps + (root.span.end - root.span.start) as usize / LINE_BYTES;
        let most = BOUNDS_MAX.min(BOUNDS_WORK_MAX / each.max(1));
        self.envelopes(root, &decls, &variants, most, sink);
        if !wanted.set.is_empty() {
            sink.begin_row();
            let row = params::with_set(sink, self.sources, &decls, base, wanted.set);
            let scope = params::scope(&decls, Some(&row));
            let plan = self.recipe(root, &scope, wanted.variant.map(str::to_owned), sink);
            plans.extend(plan.map(|plan| Plan { set: wanted.set.to_vec(), ..plan }));
        }
        // What is wrong without a set would be told again at each.
        let sets = if sink.errors() == 0 { sets } else { &[] };
        let mut sets: Vec<Plan> =
            sets.iter().filter_map(|set| self.of_set(root, &decls, base, set, sink)).collect();
        let hash = self.recipe_hash();
        plans.iter_mut().chain(&mut sets).for_each(|plan| plan.recipe_hash.clone_from(&hash));
        Some(Rows { plans, sets, files: self.file_hashes() })
    }

    /// What a recipe permits single serials has to be something that can be made: each end of each parameter is tried
    /// in each row, and what is wrong there is told at that end, once.
    fn envelopes(
        &mut self,
        root: &Node,
        decls: &[params::ParamDecl],
        variants: &[params::Variant],
        most: usize,
        sink: &mut Sink,
    ) {
        sink.begin_row();
        let rows = core::iter::once(None).chain(variants.iter().map(Some));
        let tried = rows.flat_map(|row| params::at_bounds(decls, row));
        let mut told: Vec<Span> = Vec::new();
        for params::AtBound { row, span, text } in tried.take(most) {
            if sink.is_over() {
                return;
            }
            if told.contains(&span) {
                continue;
            }
            let mut own = sink.beside();
            self.recipe(root, &params::scope(decls, Some(&row)), None, &mut own);
            let new = |d: &Diagnostic| d.severity == Severity::Error && !sink.has(d);
            let Some(found) = own.finish().into_iter().find(new) else { continue };
            let mut labels = found.labels;
            labels.insert(0, (found.span, "here".to_string()));
            let message = format!("a serial may have {text}, and that cannot be made: {}", found.message);
            told.push(span);
            sink.push(Diagnostic { span, message, labels, ..found });
        }
    }

    /// The row with the values of a set. What these make wrong in the recipe is told at the set.
    fn of_set(
        &mut self,
        root: &Node,
        decls: &[params::ParamDecl],
        base: Option<&params::Variant>,
        set: &SetText,
        sink: &mut Sink,
    ) -> Option<Plan> {
        let mut own = Sink::new();
        let row = params::for_serials(&mut own, decls, base, set.params());
        let plan = if own.errors() == 0 {
            let variant = base.map(|v| v.name.clone());
            self.recipe(root, &params::scope(decls, Some(&row)), variant, &mut own)
        } else {
            None
        };
        sink.begin_row();
        let said = own.finish().into_iter().filter(|d| !sink.has(d)).collect::<Vec<_>>();
        said.into_iter().for_each(|d| sink.push(set.at_its_values(d)));
        plan.map(|plan| Plan { set: set.values(), ..plan })
    }

    /// The parameters and their rows; they are read in no scope.
    fn declared_rows(
        &mut self,
        root: &Node,
        sink: &mut Sink,
    ) -> Option<(Vec<params::ParamDecl>, Vec<params::Variant>)> {
        let scope = Scope::empty();
        let mut d = Decoder { sink, scope: &scope };
        let mut f = d.fields(root)?;
        if let Some(entry) = f.entry("components").filter(|e| matches!(e.node.value, Value::Sequence(_))) {
            let message = "this is a sub-recipe: it lists the components that its user declares";
            let help = "give the recipe that uses it: both are checked together";
            d.sink.error(Code::UseAlone, entry.key_span, message, help);
            return None;
        }
        let decls = params::declarations(&mut d, &mut f, false);
        self.params_unread = f.is_misspelt("params");
        let decls = params::mark_unused(decls, root, d.sink);
        // Rows of parameters that are not known say nothing.
        let variants = if self.params_unread { Vec::new() } else { params::variants(&mut d, &mut f, &decls) };
        Some((decls, variants))
    }

    fn recipe(
        &mut self,
        root: &Node,
        scope: &Scope,
        variant: Option<String>,
        sink: &mut Sink,
    ) -> Option<Plan> {
        let mut d = Decoder { sink, scope };
        let mut f = d.fields(root)?;
        let head = header::recipe(&mut d, &mut f, self.cell);
        if head.other_cell {
            return None;
        }
        let walked = steps::recipe(self, &mut d, &mut f, &head);
        f.finish(&mut d);
        let errors = d.sink.errors();
        // What is missing in a hole was perhaps only misspelt.
        if !walked.holes {
            flow::check(&mut d, &head, &walked, root);
            nest::check(&mut d, self.cell, &walked);
        }
        // A motion with a mistake ends anywhere.
        if errors == 0 {
            let said = motion::check(&mut d, self.cell, &walked);
            zones::check(&mut d, self.cell, &walked, said);
        }
        let identity = head.identity?;
        let mut parameters: Vec<_> =
            scope.values().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        parameters.extend(walked.arguments);
        Some(Plan {
            format: PLAN_FORMAT,
            recipe_id: identity.id,
            recipe_version: identity.version,
            variant,
            specification: head.specification,
            recipe_hash: String::new(),
            cell_id: self.cell.id.clone(),
            cell_hash: self.cell.hash.clone(),
            taught_hash: self.cell.taught_hash.clone(),
            params: parameters,
            set: Vec::new(),
            components: head.components.into_iter().map(|c| c.component).collect(),
            invariants: head.invariants,
            steps: walked.steps,
            body: walked.body,
            on_reject: walked.on_reject,
        })
    }

    /// A sub-recipe `<name>.recipe.yaml` beside the recipe, read once.
    fn operation(&mut self, name: &str, at: Span, sink: &mut Sink) -> std::rc::Rc<Parsed> {
        if let Some(parsed) = self.parsed.get(name) {
            return parsed.clone();
        }
        if self.parsed.len() >= OPERATIONS_MAX {
            let message = format!("more than {OPERATIONS_MAX} sub-recipes");
            sink.error(Code::Capacity, at, message, "join some of them");
            return std::rc::Rc::new(Parsed { file: at.file, root: None });
        }
        let file_name = format!("{name}.recipe.yaml");
        let path = format!("{}{file_name}", self.directory);
        let parsed = match self.files.read(&path) {
            Ok(bytes) => {
                let (file, root) = tree::parse(&path, &bytes, self.sources, sink);
                self.order.push((file_name, file));
                Parsed { file, root }
            }
            Err(why) => {
                let help = "a sub-recipe is a file `<name>.recipe.yaml` beside the recipe that uses it";
                sink.error(Code::NotReadable, at, format!("cannot read `{path}`: {why}"), help);
                Parsed { file: at.file, root: None }
            }
        };
        let parsed = std::rc::Rc::new(parsed);
        self.parsed.insert(name.to_string(), parsed.clone());
        parsed
    }

    /// SHA-256 over one line `path SP sha256 LF` for each file, the recipe first, then its sub-recipes
    /// in the order of their first use; paths relative to the recipe's directory.
    fn recipe_hash(&self) -> String {
        let lines: String =
            self.file_hashes().iter().map(|(path, sha256)| format!("{path} {sha256}\n")).collect();
        sha256_hex(lines.as_bytes())
    }

    fn file_hashes(&self) -> Vec<(String, String)> {
        let hash = |file: &FileId| self.sources.file(*file).sha256.clone();
        self.order.iter().map(|(path, file)| (path.clone(), hash(file))).collect()
    }
}
