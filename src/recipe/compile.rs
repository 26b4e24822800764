//! A recipe file to a [`Plan`]: parameters, variants, sub-recipes, steps, and the checks over the whole.
//!
//! Every variant is compiled, the one asked for is handed out: a mistake in a row that is not used today
//! is a mistake.

mod flow;
mod header;
mod steps;

use std::collections::BTreeMap;

use cellwright_model::cell::Cell;
use cellwright_model::curve::sha256_hex;
use cellwright_model::plan::{PLAN_FORMAT, Plan};

use crate::code::Code;
use crate::decode::Decoder;
use crate::diagnostic::{Diagnostic, Sink};
use crate::params;
use crate::scope::Scope;
use crate::source::{FileId, FileSource, Sources, Span};
use crate::step::StepKind;
use crate::suggest;
use crate::tree::{self, Node, Value};

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
    let mut sink = Sink::new();
    let plan = compile_into(files, path, cell, variant, kinds, sources, &mut sink);
    let failed = sink.errors() > 0;
    match plan {
        Some(plan) if !failed => Ok((plan, sink.finish())),
        _ => Err(sink.finish()),
    }
}

fn compile_into(
    files: &dyn FileSource,
    path: &str,
    cell: &Cell,
    variant: Option<&str>,
    kinds: &[&dyn StepKind],
    sources: &mut Sources,
    sink: &mut Sink,
) -> Option<Plan> {
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
    };
    compiler.rows(&root, variant, sink)
}

impl Compiler<'_> {
    /// Compiles the defaults and every variant; gives the Plan of the one asked for.
    fn rows(&mut self, root: &Node, wanted: Option<&str>, sink: &mut Sink) -> Option<Plan> {
        let (decls, variants) = self.declared_rows(root, sink)?;
        if let Some(name) = wanted.filter(|name| !variants.iter().any(|v| v.name == *name)) {
            let help = suggest::remedy(name, variants.iter().map(|v| v.name.as_str()).collect::<Vec<_>>());
            let span = Span { end: root.span.start, ..root.span };
            sink.error(Code::UnknownVariant, span, format!("there is no variant `{name}`"), help);
        }
        params::warn_unused(&decls, root, sink);
        let mut chosen = None;
        for row in core::iter::once(None).chain(variants.iter().map(Some)) {
            sink.begin_row();
            let scope = params::scope(&decls, row);
            let plan = self.recipe(root, &scope, row.map(|v| v.name.clone()), sink);
            if row.map(|v| v.name.as_str()) == wanted {
                chosen = plan;
            }
        }
        let mut plan = chosen?;
        plan.recipe_hash = self.recipe_hash();
        Some(plan)
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
        let variants = params::variants(&mut d, &mut f, &decls);
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
        flow::check(&mut d, &head, &walked, root);
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
        let lines: String = self
            .order
            .iter()
            .map(|(path, file)| format!("{path} {}\n", self.sources.file(*file).sha256))
            .collect();
        sha256_hex(lines.as_bytes())
    }
}
