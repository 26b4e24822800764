use super::*;

fn range(prefix: &str, digits: u8, first: u64, last: u64) -> SerialRange {
    SerialRange { prefix: prefix.into(), digits, first, last }
}

fn terms() -> OrderTerms {
    OrderTerms {
        id: "PO-1".into(),
        lot: "L-1".into(),
        product: Product { part: "IS-23".into(), di: Some("04012345678901".into()) },
        recipe: RecipePin { id: "r".into(), version: "1.0.0".into(), hash: "a".repeat(64) },
        variant: None,
        quantity: 3,
        starts_max: 5,
        serials: range("L1-", 3, 1, 10),
        due: None,
        purpose: Purpose::Trial,
        sets: BTreeMap::new(),
    }
}

fn set(serial: &str, params: &[(&str, &str)]) -> BTreeMap<String, ParamSet> {
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    BTreeMap::from([(serial.to_owned(), params.collect())])
}

fn progress(started: u32, good: u32, ng: u32, interrupted: u32) -> OrderProgress {
    OrderProgress { started, good, ng, interrupted, resumed: 0 }
}

fn book(orders: &[(OrderTerms, OrderProgress)]) -> OrderBook {
    let known = |(terms, progress): &(OrderTerms, OrderProgress)| {
        (terms.id.clone(), KnownOrder { terms: terms.clone(), progress: *progress })
    };
    orders.iter().map(known).collect()
}

#[test]
fn serials_have_leading_zeros_and_an_end() {
    let r = range("L1-", 3, 99, 101);
    assert_eq!(r.count(), 3);
    let all: Vec<_> = (0..4).map(|n| r.after(n)).collect();
    assert_eq!(all, [Some("L1-099".into()), Some("L1-100".into()), Some("L1-101".into()), None]);
    assert_eq!(range("", 20, u64::MAX, u64::MAX).after(1), None, "no number beyond the last");
    assert_eq!(r.to_string(), "L1-099 .. L1-101");
    assert!(["L1-099", "L1-100", "L1-101"].iter().all(|s| r.contains(s)));
    for other in ["L1-098", "L1-102", "L1-99", "L1-0099", "L2-100", "L1-+99", "100", "L1-"] {
        assert!(!r.contains(other), "{other}");
    }
}

#[test]
fn another_set_is_another_order_and_the_same_one_is_not() {
    let with = |params: &[(&str, &str)]| OrderTerms { sets: set("L1-002", params), ..terms() };
    let now = with(&[("depth", "12.38 mm")]);
    assert_eq!(now.changes(&now.clone()), []);
    let changed = now.changes(&terms());
    assert_eq!(
        changed,
        [("sets", "L1-002 with depth = 12.38 mm".into(), "L1-002 as the recipe has it".into())]
    );
    let changed = terms().changes(&with(&[("depth", "12.39 mm"), ("force", "80 .. 140 N")]));
    assert_eq!(changed[0].2, "L1-002 with depth = 12.39 mm, force = 80 .. 140 N");
    let refused = admit(&now, &book(&[(terms(), progress(1, 1, 0, 0))]), "CW-").expect_err("other terms");
    assert!(
        refused.contains("sets is L1-002 with depth = 12.38 mm and was L1-002 as the recipe"),
        "{refused}"
    );
    // Terms that were journalled before there were sets are read, and those without are written as before.
    let text = serde_json::to_string(&terms()).expect("JSON");
    assert!(!text.contains("sets"), "{text}");
    assert_eq!(serde_json::from_str::<OrderTerms>(&text).expect("terms"), terms());
}

#[test]
fn ranges_overlap_by_their_texts_and_not_by_their_numbers() {
    let a = range("A", 3, 1, 50);
    assert!(a.overlaps(&range("A", 3, 50, 60)) && range("A", 3, 50, 60).overlaps(&a));
    assert!(!a.overlaps(&range("A", 3, 51, 60)));
    assert!(!a.overlaps(&range("A", 2, 1, 50)), "A01 is not A001");
    assert!(!a.overlaps(&range("B", 3, 1, 50)));
    // A0 with two digits is A with three.
    assert!(a.overlaps(&range("A0", 2, 50, 99)));
    assert!(!a.overlaps(&range("A0", 2, 51, 99)));
}

#[test]
fn good_units_count_and_others_are_made_up_for() {
    let t = terms();
    let next = |p| t.next(&p);
    assert_eq!(next(progress(0, 0, 0, 0)), NextStart::Open("L1-001".into()));
    assert_eq!(next(progress(2, 1, 0, 0)), NextStart::Open("L1-003".into()));
    assert_eq!(next(progress(3, 0, 0, 0)), NextStart::Wait, "three in work may all become good");
    assert_eq!(next(progress(3, 1, 1, 0)), NextStart::Open("L1-004".into()));
    assert_eq!(next(progress(4, 3, 1, 0)), NextStart::Complete);
    assert_eq!(next(progress(5, 1, 3, 0)), NextStart::Wait, "one is still in work");
    assert_eq!(next(progress(5, 2, 2, 1)), NextStart::Short);
}

#[test]
fn an_order_goes_on_where_it_was_and_only_with_its_own_terms() {
    let begun = book(&[(terms(), progress(2, 1, 0, 1))]);
    assert_eq!(admit(&terms(), &OrderBook::new(), "CW-"), Ok(OrderProgress::default()));
    assert_eq!(admit(&terms(), &begun, "CW-"), Ok(progress(2, 1, 0, 1)));
    let later = OrderTerms { due: Some("2030-01-01".into()), ..terms() };
    assert!(admit(&later, &begun, "CW-").is_ok(), "a date may move");

    let complete = book(&[(terms(), progress(4, 3, 1, 0))]);
    assert!(admit(&terms(), &complete, "CW-").is_err_and(|e| e.contains("complete: 3 good of 3")));
    let short = book(&[(terms(), progress(5, 2, 3, 0))]);
    assert!(admit(&terms(), &short, "CW-").is_err_and(|e| e.contains("starts_max") && e.contains("2 good")));
}

#[test]
fn what_was_in_work_at_a_start_is_interrupted() {
    let left = book(&[(terms(), progress(4, 1, 1, 0))]);
    assert_eq!(at_rest(&left)["PO-1"].progress, progress(4, 1, 1, 2));
    assert_eq!(admit(&terms(), &at_rest(&left), "CW-"), Ok(progress(4, 1, 1, 2)));
}

#[test]
fn each_changed_field_is_named_with_both_values() {
    let begun = book(&[(terms(), progress(1, 0, 0, 0))]);
    let t = terms;
    let recipe = |version: &str, hash: &str| RecipePin {
        id: "r".into(),
        version: version.into(),
        hash: hash.repeat(64),
    };
    let cases = [
        (OrderTerms { lot: "L-2".into(), ..t() }, "lot is L-2 and was L-1"),
        (OrderTerms { product: Product { part: "IS-24".into(), ..t().product }, ..t() }, "product.part"),
        (OrderTerms { product: Product { di: None, ..t().product }, ..t() }, "product.udi.di is none"),
        (OrderTerms { recipe: recipe("1.0.1", "a"), ..t() }, "recipe is r 1.0.1"),
        (OrderTerms { recipe: recipe("1.0.0", "b"), ..t() }, "bbbbbbbbbbbb"),
        (OrderTerms { variant: Some("25g".into()), ..t() }, "variant is 25g and was none"),
        (OrderTerms { quantity: 4, ..t() }, "quantity is 4 and was 3"),
        (OrderTerms { starts_max: 6, ..t() }, "starts_max is 6 and was 5"),
        (OrderTerms { serials: range("L1-", 3, 1, 11), ..t() }, "serials is L1-001 .. L1-011"),
        (OrderTerms { purpose: Purpose::Validation, ..t() }, "purpose is validation and was trial"),
    ];
    for (changed, word) in cases {
        let refused = admit(&changed, &begun, "CW-").expect_err(word);
        assert!(refused.contains(word) && refused.contains("PO-1"), "{word}: {refused}");
    }
}

#[test]
fn no_serial_belongs_to_two() {
    let other =
        |first, last| OrderTerms { id: "PO-2".into(), serials: range("L1-", 3, first, last), ..terms() };
    let under_way = book(&[(terms(), progress(2, 1, 0, 0))]);
    assert!(admit(&other(10, 20), &under_way, "CW-").is_err_and(|e| e.contains("order PO-1")));
    assert!(admit(&other(11, 20), &under_way, "CW-").is_ok());
    // What a complete order has not taken is free again; what it has taken is not.
    let complete = book(&[(terms(), progress(4, 3, 1, 0))]);
    assert!(admit(&other(5, 10), &complete, "CW-").is_ok());
    assert!(admit(&other(4, 10), &complete, "CW-").is_err());
    // Units without an order take theirs from the cell's counter.
    assert!(admit(&terms(), &OrderBook::new(), "L1-").is_err_and(|e| e.contains("serial_prefix")));
    let numbered = OrderTerms { serials: range("CW-1", 5, 1, 10), ..terms() };
    assert!(admit(&numbered, &OrderBook::new(), "CW-").is_err(), "CW-1 00001 is CW- 100001");
}

/// Of units of `PO-1`.
fn rework(id: &str, first: u64, last: u64) -> OrderTerms {
    let (serials, quantity) = (range("L1-", 3, first, last), 1);
    let starts_max = serials.count() as u32;
    OrderTerms { id: id.into(), serials, quantity, starts_max, purpose: Purpose::Rework, ..terms() }
}

#[test]
fn a_rework_takes_units_that_have_ended_and_no_others() {
    let asked = |terms: &OrderTerms, book: &OrderBook| admit(terms, book, "CW-");
    let ended = (terms(), progress(4, 2, 1, 1));
    let known = book(std::slice::from_ref(&ended));
    assert_eq!(asked(&rework("RW-1", 1, 4), &known), Ok(OrderProgress::default()));
    assert_eq!(asked(&rework("RW-1", 3, 3), &known), Ok(OrderProgress::default()));
    let same = OrderTerms { serials: range("L1-0", 2, 2, 4), ..rework("RW-1", 2, 4) };
    assert!(asked(&same, &known).is_ok(), "the same texts, divided otherwise");
    let refused = |terms: &OrderTerms, book: &OrderBook, words: &str| {
        let why = asked(terms, book).expect_err(words);
        assert!(why.contains(words) && why.contains(&terms.id), "{words}: {why}");
    };
    refused(&rework("RW-1", 4, 5), &known, "not all of its serials");
    refused(&rework("RW-1", 1, 2), &OrderBook::new(), "not all of its serials");
    refused(&rework("RW-1", 1, 2), &book(&[(terms(), progress(3, 1, 1, 0))]), "units in work");
    refused(&OrderTerms { lot: "L-2".into(), ..rework("RW-1", 1, 2) }, &known, "lot L-1");
    let product = Product { part: "IS-24".into(), di: None };
    refused(&OrderTerms { product, ..rework("RW-1", 1, 2) }, &known, "IS-23 of lot L-1");
    // A unit without an order belongs to no lot.
    refused(&OrderTerms { serials: range("CW-", 6, 1, 2), ..rework("RW-1", 1, 2) }, &known, "not all");
}

#[test]
fn a_rework_keeps_no_serial_from_later_orders_and_two_do_not_share_one_at_once() {
    let asked = |terms: &OrderTerms, book: &OrderBook| admit(terms, book, "CW-");
    let ended = (terms(), progress(5, 3, 1, 1));
    let under_way = book(&[ended.clone(), (rework("RW-1", 2, 3), progress(1, 0, 0, 1))]);
    assert_eq!(asked(&rework("RW-1", 2, 3), &under_way), Ok(progress(1, 0, 0, 1)), "it goes on");
    assert!(asked(&rework("RW-2", 3, 4), &under_way).is_err_and(|e| e.contains("order RW-1")));
    assert!(asked(&rework("RW-2", 4, 5), &under_way).is_ok());
    let complete = book(&[ended, (rework("RW-1", 2, 3), progress(2, 1, 1, 0))]);
    assert!(asked(&rework("RW-2", 3, 4), &complete).is_ok(), "a unit may come back again");
    // Serials that no unit has are free, those of the first order are not, whoever reworked them.
    let other =
        |first, last| OrderTerms { id: "PO-2".into(), serials: range("L1-", 3, first, last), ..terms() };
    assert!(asked(&other(6, 9), &complete).is_ok());
    assert!(asked(&other(5, 9), &complete).is_err_and(|e| e.contains("order PO-1")));
    // And what a rework makes is no unit that could be reworked without the order that made it.
    let lone = book(&[(rework("RW-1", 2, 3), progress(2, 1, 1, 0))]);
    assert!(asked(&rework("RW-2", 2, 2), &lone).is_err());
}

#[test]
fn a_udi_has_device_lot_and_serial() {
    assert_eq!(terms().udi("L1-007").as_deref(), Some("(01)04012345678901(10)L-1(21)L1-007"));
    let without = OrderTerms { product: Product { part: "IS".into(), di: None }, ..terms() };
    assert_eq!(without.udi("L1-007"), None);
}

#[test]
fn a_unit_that_goes_on_is_in_work_and_takes_no_serial() {
    let mut done = progress(3, 1, 0, 2);
    assert_eq!(done.open(), 0);
    done.resume_one();
    assert_eq!((done.open(), done.started), (1, 3));
    let text = serde_json::to_string(&done).expect("plain data");
    assert_eq!(serde_json::from_str::<OrderProgress>(&text).expect("its own text"), done);
    done.close_one(UnitResult::Good);
    assert_eq!((done.open(), done.good, done.interrupted), (0, 2, 2));
    let text = serde_json::to_string(&progress(3, 1, 0, 2)).expect("plain data");
    assert!(!text.contains("resumed"), "as ever where there is none: {text}");
}
