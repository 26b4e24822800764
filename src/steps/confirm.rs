//! `confirm`: asks a person.
//!
//! ```yaml
//! - confirm: { id: look, station: test, prompt: No visible damage, answers: [ok, ng, cannot-judge] }
//! ```
//! `pass:` lists the answers that let the unit go on (`[ok]` if not given); every other one fails the step.

use cellwright_model::DurationNs;
use cellwright_model::plan::{Meaning, Primitive};
use cellwright_recipe::shape::{Names, What};
use cellwright_recipe::{Code, Context, Decoder, Draft, Fields, Node, Shape, StepKind, shape};

/// A person who has not answered by then has left.
pub(crate) const ANSWER: DurationNs = DurationNs::from_millis(600_000);
/// What one line of an operator's screen shows, in characters.
const PROMPT_CHARS_MAX: usize = 200;
const ANSWERS_MAX: usize = 8;

pub(crate) struct Confirm;

shape! { CONFIRM = "confirm", "Asks a person." {
    opt "station": Name(Names::Station), "Where the unit's nest has to be.";
    req "prompt": Text, "What is asked, 1 to 200 characters.";
    req "answers": List(&What::Identifier), "What can be answered, at most 8.";
    opt "pass" = "[ok]": List(&What::Identifier), "Answers that let the unit go on.";
}}

impl StepKind for Confirm {
    fn name(&self) -> &'static str {
        "confirm"
    }
    fn judges(&self) -> bool {
        true
    }
    fn shape(&self) -> &'static Shape {
        &CONFIRM
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let station = cx.station_opt(f);
        let prompt = f.req("prompt", cx.d, prompt);
        let listed = f.req("answers", cx.d, |d, n| words(d, n).map(|w| (w, n.span)));
        let given = f.entry("pass").is_some();
        let pass = if given { f.opt("pass", cx.d, words) } else { Some(vec!["ok".to_string()]) };
        let ((answers, span), pass) = (listed?, pass?);
        if let Some(unknown) = pass.iter().find(|p| !answers.contains(p)) {
            let message = format!("`{unknown}` would let the unit pass and is not among the answers");
            let help =
                if given { "list it under `answers:`" } else { "say with `pass:` which answers let it pass" };
            cx.d.sink.error(Code::PassAnswer, span, message, help);
        }
        if answers.iter().all(|a| pass.contains(a)) {
            let help = "add an answer that fails, or take the step out";
            cx.d.sink.error(Code::PassAnswer, span, "every answer lets the unit pass", help);
        }
        let otherwise = Meaning::Fail("refused-by-operator".into());
        Some(Draft {
            station,
            ops: vec![Primitive::Ask { prompt: prompt?, answers, pass, otherwise }],
            timeout: Some(ANSWER),
            ..Draft::default()
        })
    }
}

pub(crate) fn prompt(d: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = d.text(node)?;
    let good = !text.text.trim().is_empty() && text.text.chars().count() <= PROMPT_CHARS_MAX;
    if !good {
        let message = "a prompt is empty or longer than a line of the screen";
        d.error_at(Code::BadText, &text, message, format!("1 to {PROMPT_CHARS_MAX} characters"));
    }
    good.then_some(text.text)
}

/// Answers: identifiers, each once.
fn words(d: &mut Decoder<'_>, node: &Node) -> Option<Vec<String>> {
    let list = d.list(node)?;
    if list.is_empty() || list.len() > ANSWERS_MAX {
        let message = format!("{} answers", list.len());
        d.sink.error(Code::Empty, node.span, message, format!("list 1 to {ANSWERS_MAX}"));
        return None;
    }
    let mut out: Vec<String> = Vec::new();
    for node in list {
        let text = d.identifier(node)?;
        if out.contains(&text.text) {
            let message = format!("`{}` is listed twice", text.text);
            d.error_at(Code::DuplicateId, &text, message, "take one out");
        }
        out.push(text.text);
    }
    Some(out)
}
