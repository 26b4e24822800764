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
