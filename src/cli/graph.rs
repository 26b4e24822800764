//! `cellwright graph`: what a recipe does, as one picture: branches, stations, gates, retries, the reject path.

mod layout;
mod words;

use std::process::ExitCode;

use cellwright_model::cell::Cell;
use cellwright_model::plan::Plan;
use cellwright_sim::What;

use super::approve::files::{Put, whole};
use super::args::GraphArgs;
use super::out::outln;
use super::svg::{Font, Picture};
use super::{Failure, prepare};
use layout::{BODY, Layout, NAME, Placed, Way, font, layout};
pub(crate) use words::{handler, limits, time, window};

pub(crate) fn run(args: GraphArgs) -> Result<ExitCode, Failure> {
    let prepared = prepare(&What::from(&args.cell), false)?;
    let picture = svg(&prepared.cell, &prepared.plan);
    match &args.out {
        Some(path) => whole(path, picture.as_bytes(), Put::Instead)?,
        None => outln!("{}", picture.trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

/// A recipe as it is compiled for a cell, as SVG.
pub(crate) fn svg(cell: &Cell, plan: &Plan) -> String {
    let all = layout(cell, plan);
    let mut picture = Picture::new(all.width, all.height);
    title(&mut picture, &all);
    for frame in &all.frames {
        picture.rect(frame.area, "fill=\"#f6f8fb\" stroke=\"#9aa7b5\" stroke-dasharray=\"4 3\" rx=\"6\"");
        picture.words(
            (frame.area.x + 8.0, frame.area.y + 15.0),
            Font { colour: "#445", ..BODY },
            &frame.head,
        );
    }
    for (at, name) in &all.names {
        picture.words(*at, Font { anchor: "middle", colour: "#445", ..BODY }, name);
    }
    for (way, through) in &all.ways {
        match way {
            Way::On => picture.arrow(through, "#333", ""),
            Way::Again => picture.arrow(through, "#8a5a00", ""),
            Way::Reject => picture.arrow(through, "#b00000", "stroke-dasharray=\"3 3\""),
            Way::Bar => picture.line(through, "stroke=\"#333\" stroke-width=\"3\""),
        }
    }
    all.boxes.iter().for_each(|b| step(&mut picture, plan, b));
    picture.finish()
}

fn title(picture: &mut Picture, all: &Layout) {
    for (n, line) in all.title.iter().enumerate() {
        picture.words((24.0, 30.0 + 15.0 * n as f64), if n == 0 { NAME } else { BODY }, line);
    }
}

fn step(picture: &mut Picture, plan: &Plan, placed: &Placed) {
    let look = match placed.step.map(|ix| plan.step(ix)) {
        None => "fill=\"#e8e8e8\" stroke=\"#555\" rx=\"14\"",
        Some(step) if step.when.is_some() => "fill=\"#fff\" stroke=\"#555\" stroke-dasharray=\"5 3\"",
        Some(step) if words::is_gate(step) => "fill=\"#fff4d6\" stroke=\"#8a5a00\"",
        Some(_) => "fill=\"#fff\" stroke=\"#345\"",
    };
    picture.rect(placed.area, look);
    for (n, line) in placed.lines.iter().enumerate() {
        picture.words(placed.base(n), font(line.part), &line.words);
    }
}
