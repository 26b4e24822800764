//! XML text to a tree of elements with their places; no more of XML than URDF needs (W3C XML 1.0 without document type
//! definitions, so that no entity can grow).

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Bytes of a text: a robot with meshes by name has some ten kilobytes.
pub(crate) const TEXT_BYTES_MAX: usize = 1 << 20;
/// Elements of a text, at some 50 bytes each.
const ELEMENTS_MAX: usize = 20_000;
/// Elements inside each other: a URDF has six.
const DEPTH_MAX: usize = 32;

/// Line and column from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// An element; text between elements means nothing in a URDF and is not kept.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// Where its tag begins.
    pub(crate) at: Place,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) children: Vec<Element>,
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    pub(crate) fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name == name)
    }
}

/// What is wrong with the text, and where.
#[derive(Debug)]
pub(crate) struct NotXml {
    pub(crate) at: Place,
    pub(crate) what: String,
}

/// Finds lines for offsets that only grow.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    place: Place,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, offset: 0, place: Place { line: 1, column: 1 } }
    }

    fn at(&mut self, offset: usize) -> Place {
        for c in self.text.get(self.offset..offset).unwrap_or_default().chars() {
            if c == '\n' {
                self.place = Place { line: self.place.line + 1, column: 1 };
            } else {
                self.place.column += 1;
            }
        }
        self.offset = self.offset.max(offset);
        self.place
    }
}

/// The root element of `text`.
pub(crate) fn read(text: &str) -> Result<Element, NotXml> {
    let mut lines = Lines::new(text);
    if text.len() > TEXT_BYTES_MAX {
        let what = format!("it has {} bytes, and {TEXT_BYTES_MAX} is the most that is read", text.len());
        return Err(NotXml { at: lines.place, what });
    }
    let mut reader = Reader::from_str(text);
    let mut tree = Tree::default();
    loop {
        let begin = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let at = lines.at(begin);
        let wrong = |what: String| NotXml { at, what };
        match reader.read_event().map_err(|e| wrong(format!("it is no XML: {e}")))? {
            Event::Start(tag) => tree.open(&tag, at, false)?,
            Event::Empty(tag) => tree.open(&tag, at, true)?,
            Event::End(_) => tree.close(),
            Event::DocType(_) => {
                return Err(wrong(
                    "it has a document type definition; take it out, a URDF needs none".to_owned(),
                ));
            }
            Event::Text(text) if tree.open.is_empty() && !text.iter().all(u8::is_ascii_whitespace) => {
                return Err(wrong("text stands outside of the root element".to_owned()));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    tree.end(lines.at(text.len()))
}

/// What is read so far.
#[derive(Default)]
struct Tree {
    root: Option<Element>,
    /// Elements that are not closed, the outermost first.
    open: Vec<Element>,
    elements: usize,
}

impl Tree {
    fn open(&mut self, tag: &BytesStart, at: Place, empty: bool) -> Result<(), NotXml> {
        let wrong = |what: String| Err(NotXml { at, what });
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return wrong(format!("it has more than {ELEMENTS_MAX} elements"));
        }
        if self.open.len() >= DEPTH_MAX {
            return wrong(format!("elements stand inside each other more than {DEPTH_MAX} deep"));
        }
        if self.open.is_empty() && self.root.is_some() {
            return wrong("a second element stands beside the root element".to_owned());
        }
        let element = element(tag, at).map_err(|what| NotXml { at, what })?;
        self.open.push(element);
        if empty {
            self.close();
        }
        Ok(())
    }

    /// The reader has held the names of the tags against each other.
    fn close(&mut self) {
        let Some(done) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(done),
            None => self.root = Some(done),
        }
    }

    fn end(self, at: Place) -> Result<Element, NotXml> {
        if let Some(open) = self.open.last() {
            return Err(NotXml { at: open.at, what: format!("<{}> is never closed", open.name) });
        }
        self.root.ok_or_else(|| NotXml { at, what: "there is no element in it".to_owned() })
    }
}

fn element(tag: &BytesStart, at: Place) -> Result<Element, String> {
    let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
    let mut attributes = BTreeMap::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|e| format!("<{name}>: an attribute cannot be read: {e}"))?;
        let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
        let value = attribute
            .unescape_value()
            .map_err(|e| format!("<{name}>: `{key}` cannot be read: {e}"))?
            .into_owned();
        attributes.insert(key, value);
    }
    Ok(Element { name, at, attributes, children: Vec::new() })
}
