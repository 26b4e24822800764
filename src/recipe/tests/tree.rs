//! Text to tree: exact spans, and any bytes at all.

use cellwright_recipe::{Node, Sink, Sources, Value, tree};

fn parse(text: &str) -> (Option<Node>, Vec<String>, Sources) {
    let (mut sources, mut sink) = (Sources::default(), Sink::new());
    let (_, root) = tree::parse("t.yaml", text.as_bytes(), &mut sources, &mut sink);
    let list = sink.finish();
    let rows = list.iter().map(|d| {
        let (start, end) = sources.places(d.span);
        format!("{} {}:{}-{}:{}", d.code.as_str(), start.line, start.column, end.line, end.column)
    });
    let rows = rows.collect();
    (root, rows, sources)
}

/// The text of every key and scalar is what its span covers.
fn check_spans(node: &Node, text: &str) -> usize {
    let slice = |s: cellwright_recipe::Span| &text[s.start as usize..s.end as usize];
    match &node.value {
        Value::Scalar(s) if s.plain && !slice(node.span).contains('\n') => {
            assert_eq!(slice(node.span), s.text);
            1
        }
        Value::Scalar(_) | Value::Refused => 1,
        Value::Sequence(list) => list.iter().map(|n| check_spans(n, text)).sum(),
        Value::Mapping(map) => {
            let one = |e: &cellwright_recipe::Entry| {
                assert_eq!(slice(e.key_span).trim_matches(['"', '\'']), e.key);
                assert!(node.span.start <= e.key_span.start && e.node.span.end <= node.span.end);
                check_spans(&e.node, text)
            };
            map.entries.iter().map(one).sum()
        }
    }
}

#[test]
fn spans_are_exact_to_the_byte() {
    let text = "\u{feff}a: N·m x # é\r\nb:\r\n  - { µ: \"ü\\n\", d: 'e' }\r\n  - long text\r\n    over lines\r\nc: |\r\n  block\r\n";
    let (root, rows, _) = parse(text);
    assert_eq!(rows, Vec::<String>::new());
    assert_eq!(check_spans(&root.unwrap(), text), 5);
}

#[test]
fn several_mistakes_in_one_pass() {
    let text = "a: *x\nb: &y 1\nc: !z 2\nd: yes\nb: 3\ne:\n<<: 4\nf: *q\ng: [ok, off]\n";
    let (root, rows, _) = parse(text);
    assert!(root.is_some());
    assert_eq!(
        rows,
        [
            "R0007 1:4-1:6",
            "R0006 2:4-2:8",
            "R0008 3:4-3:8",
            "R0011 4:4-4:7",
            "R0010 5:1-5:2",
            "R0014 6:1-6:2",
            "R0009 7:1-7:3",
            "R0007 8:4-8:6",
            "R0011 9:9-9:12",
        ]
    );
}

#[test]
fn words_that_are_no_booleans_stay_words() {
    for text in
        ["a: y\n", "a: n\n", "a: \"yes\"\n", "a: 'off'\n", "x: 1\ny: 2\n", "a: nothing\n", "on_fail: x\n"]
    {
        assert_eq!(parse(text).1, Vec::<String>::new(), "{text}");
    }
}

/// Odd bytes: one diagnostic each, at the byte, and nothing besides.
#[test]
fn odd_bytes_are_told_once_at_their_place() {
    let deep = format!("a:\n  b: {}x{}\n", "[".repeat(70), "]".repeat(70));
    let long = format!("a: \"{}\"\nb: yes\n", "é".repeat(100_000));
    let cases: &[(&str, &[&str])] = &[
        ("a: 1\rb: 2\rc: 3\r", &["R0019 1:5-2:1"]),
        ("a: 1\nb: 2\rc: 3\r\nd: 4\n", &["R0019 2:5-3:1"]),
        ("a: 1\r\r\nb: 2\r\r\n", &["R0019 1:5-2:1"]),
        ("a: 1\r\nb: 2\r\n", &[]),
        ("a: \"1\0\"\nb: 2\n", &["R0019 1:6-1:7"]),
        ("a: 1\0\nb: 2\n", &["R0019 1:5-1:6"]),
        ("a: 1\n\u{feff}b: 2\n", &["R0019 2:1-2:2"]),
        ("\u{feff}a: 1\n", &[]),
        ("a: é\tx\nb: 2\n", &["R0004 1:5-1:6"]),
        ("a:\n\tb: 2\n\tc: 3\n", &["R0004 2:1-2:2", "R0004 3:1-3:2"]),
        (&deep, &["R0012 2:68-2:69"]),
        (&long, &["R0011 2:4-2:7"]),
    ];
    for (text, rows) in cases {
        assert_eq!(parse(text).1, *rows, "{:?}", text.chars().take(40).collect::<String>());
    }
}

/// What stands in quotes or brackets ends with them, whatever comments stand there.
#[test]
fn comments_are_no_part_of_a_value() {
    let text = "a: \"x \\\" # y\" # c\nb: 'it''s' # c\nc: [ # c\n  1, # c\n  ] # c\nd: { e: \"f\", # c\n  # c\n } # c\n";
    let (root, rows, _) = parse(text);
    assert_eq!(rows, Vec::<String>::new());
    let root = root.unwrap();
    let of = |key: &str| {
        let span = root.field(key).unwrap().span;
        &text[span.start as usize..span.end as usize]
    };
    assert_eq!(of("a"), "\"x \\\" # y\"");
    assert_eq!(of("b"), "'it''s'");
    assert_eq!(of("c"), "[ # c\n  1, # c\n  ]");
    assert_eq!(of("d"), "{ e: \"f\", # c\n  # c\n }");
}
