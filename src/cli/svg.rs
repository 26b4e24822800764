//! A picture as SVG: what plots, timelines and graphs are drawn with.
//!
//! Letters are of one width, [`LETTER`] of their size each, so that whoever places a text knows how long it is.

use std::fmt::Write as _;

/// Width of a letter of a monospaced font by its size: DejaVu's and Liberation's have 0.602, and where letters stand on
/// whole pixels, 7 of 11.
const LETTER: f64 = 0.64;

/// Where something is; y grows downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Area {
    pub(crate) fn right(&self) -> f64 {
        self.x + self.width
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.y + self.height
    }

    pub(crate) fn middle(&self) -> f64 {
        self.x + self.width / 2.0
    }
}

/// How words stand at their point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Font {
    pub(crate) size: f64,
    pub(crate) bold: bool,
    pub(crate) colour: &'static str,
    pub(crate) anchor: &'static str,
}

impl Font {
    pub(crate) const PLAIN: Font = Font { size: 12.0, bold: false, colour: "#222", anchor: "start" };

    /// How long words are, at the most.
    pub(crate) fn width(&self, words: &str) -> f64 {
        words.chars().count() as f64 * self.size * LETTER
    }
}

/// See the module text. `look` of a method: further attributes of its element.
pub(crate) struct Picture {
    text: String,
}

impl Picture {
    pub(crate) fn new(width: f64, height: f64) -> Picture {
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"DejaVu Sans Mono, Liberation Mono, monospace\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        Picture { text }
    }

    // Writing to a String does not fail.

    pub(crate) fn rect(&mut self, at: Area, look: &str) {
        let _ = writeln!(self.text, "<rect {} {look}/>", sides(at));
    }

    /// With words that a viewer shows where the pointer rests.
    pub(crate) fn told_rect(&mut self, at: Area, look: &str, words: &str) {
        let title = escaped(words);
        let _ = writeln!(self.text, "<rect {} {look}><title>{title}</title></rect>", sides(at));
    }

    /// A line through points.
    pub(crate) fn line(&mut self, through: &[(f64, f64)], look: &str) {
        let points: Vec<String> = through.iter().map(|(x, y)| format!("{x:.2},{y:.2}")).collect();
        let _ = writeln!(self.text, "<polyline fill=\"none\" points=\"{}\" {look}/>", points.join(" "));
    }

    /// The same with a head at its end.
    pub(crate) fn arrow(&mut self, through: &[(f64, f64)], colour: &str, look: &str) {
        self.line(through, &format!("stroke=\"{colour}\" {look}"));
        if let [.., from, to] = through {
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let length = dx.hypot(dy).max(1e-6);
            let (dx, dy) = (dx / length * 6.0, dy / length * 6.0);
            let (back, side) = ((to.0 - dx, to.1 - dy), (-dy / 2.0, dx / 2.0));
            let head = [*to, (back.0 + side.0, back.1 + side.1), (back.0 - side.0, back.1 - side.1)];
            let points: Vec<String> = head.iter().map(|(x, y)| format!("{x:.2},{y:.2}")).collect();
            let _ = writeln!(self.text, "<polygon points=\"{}\" fill=\"{colour}\"/>", points.join(" "));
        }
    }

    pub(crate) fn words(&mut self, (x, y): (f64, f64), font: Font, words: &str) {
        let Font { size, bold, colour, anchor } = font;
        let weight = if bold { " font-weight=\"bold\"" } else { "" };
        let words = escaped(words);
        let _ = writeln!(
            self.text,
            "<text x=\"{x:.2}\" y=\"{y:.2}\" font-size=\"{size}\"{weight} fill=\"{colour}\" \
             text-anchor=\"{anchor}\" xml:space=\"preserve\">{words}</text>"
        );
    }

    pub(crate) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

fn sides(at: Area) -> String {
    let Area { x, y, width, height } = at;
    format!("x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\"")
}

/// Words as the text of an XML or HTML element or attribute; what XML has no place for becomes U+FFFD.
pub(crate) fn escaped(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' => out.push(' '),
            '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            c if c.is_control() => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place() {
        assert_eq!(escaped("a<b>&\"'\n\u{1}"), "a&lt;b&gt;&amp;&quot;&#39; \u{FFFD}");
        let mut picture = Picture::new(10.0, 10.0);
        let at = Area { x: 1.0, y: 2.0, width: 3.0, height: 4.0 };
        picture.told_rect(at, "fill=\"red\"", "</title><script>");
        picture.words((1.0, 2.0), Font::PLAIN, "</text>");
        let text = picture.finish();
        assert!(!text.contains("<script>") && text.matches("</text>").count() == 1, "{text}");
        assert_eq!((at.right(), at.bottom(), at.middle()), (4.0, 6.0, 2.5));
    }

    #[test]
    fn an_arrow_ends_at_its_point() {
        let mut picture = Picture::new(10.0, 10.0);
        picture.arrow(&[(0.0, 0.0), (0.0, 9.0)], "red", "");
        assert!(
            picture.finish().contains("<polygon points=\"0.00,9.00 -3.00,3.00 3.00,3.00\" fill=\"red\"/>")
        );
    }
}
