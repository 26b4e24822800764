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
    }
}

fn progress(started: u32, good: u32, ng: u32, interrupted: u32) -> OrderProgress {
    OrderProgress { started, good, ng, interrupted }
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

#[test]
fn a_udi_has_device_lot_and_serial() {
    assert_eq!(terms().udi("L1-007").as_deref(), Some("(01)04012345678901(10)L-1(21)L1-007"));
    let without = OrderTerms { product: Product { part: "IS".into(), di: None }, ..terms() };
    assert_eq!(without.udi("L1-007"), None);
}
