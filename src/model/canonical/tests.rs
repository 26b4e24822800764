use std::collections::BTreeMap;

use super::*;

/// RFC 8785, appendix B: the bits of a double and its text.
const APPENDIX_B: &[(u64, &str)] = &[
    (0x0000_0000_0000_0000, "0"),
    (0x8000_0000_0000_0000, "0"),
    (0x0000_0000_0000_0001, "5e-324"),
    (0x8000_0000_0000_0001, "-5e-324"),
    (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
    (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
    (0x4340_0000_0000_0000, "9007199254740992"),
    (0xc340_0000_0000_0000, "-9007199254740992"),
    (0x4430_0000_0000_0000, "295147905179352830000"),
    (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
    (0x44b5_2d02_c7e1_4af6, "1e+23"),
    (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
    (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
    (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
    (0x444b_1ae4_d6e2_ef50, "1e+21"),
    (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
    (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
    (0x41b3_de43_5555_5553, "333333333.3333332"),
    (0x41b3_de43_5555_5554, "333333333.33333325"),
    (0x41b3_de43_5555_5555, "333333333.3333333"),
    (0x41b3_de43_5555_5556, "333333333.3333334"),
    (0x41b3_de43_5555_5557, "333333333.33333343"),
    (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
    (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
];

#[test]
fn numbers_of_appendix_b() {
    for &(bits, text) in APPENDIX_B {
        assert_eq!(format_number(f64::from_bits(bits)).as_deref(), Ok(text), "{bits:016x}");
    }
    for bits in [0x7fff_ffff_ffff_ffff, 0x7ff0_0000_0000_0000, 0xfff0_0000_0000_0000] {
        assert!(matches!(format_number(f64::from_bits(bits)), Err(CanonicalError::NotFinite(_))));
    }
}

/// RFC 8785, 3.2.2 (numbers and strings) and 3.2.3 (order of members).
#[test]
fn the_samples_of_section_3() {
    let input = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let expected = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
    let value: Value = serde_json::from_str(input).expect("the RFC's sample");
    assert_eq!(value_to_string(&value).as_deref(), Ok(expected));

    let sorting = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh",
        "1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
    let value: Value = serde_json::from_str(sorting).expect("the RFC's sample");
    let expected = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
        \"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\
        \"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}";
    assert_eq!(value_to_string(&value).as_deref(), Ok(expected));
}

#[test]
fn what_is_written_reads_back_to_the_same_text() {
    // Each step of a full-period generator gives other bits: all magnitudes, both signs.
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20_000 {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x = f64::from_bits(bits);
        let Ok(text) = format_number(x) else { continue };
        let read: Value = serde_json::from_str(&text).expect("a number");
        assert_eq!(read.as_f64(), Some(x), "{text}");
        assert_eq!(value_to_string(&read), Ok(text));
    }
}

/// Doubles between 2^50 and 2^53 are often midway between two shortest forms; `serde_json` finds its
/// digits by another algorithm.
#[test]
fn ties_go_to_the_even_digit() {
    let significant = |text: &str| {
        let mantissa = text.split('e').next().unwrap_or(text).replace(['.', '-'], "");
        mantissa.trim_start_matches('0').trim_end_matches('0').to_owned()
    };
    for i in 0..20_000_u64 {
        let x = f64::from_bits((1073 << 52) + i * 450_007_113_001);
        let ours = format_number(x).expect("finite");
        let theirs = Number::from_f64(x).expect("finite").to_string();
        assert_eq!(significant(&ours), significant(&theirs), "{x:?}");
    }
}

#[test]
fn integers_that_a_double_does_not_hold_are_refused() {
    assert_eq!(to_string(&9_007_199_254_740_991_u64).as_deref(), Ok("9007199254740991"));
    assert_eq!(to_string(&-9_007_199_254_740_991_i64).as_deref(), Ok("-9007199254740991"));
    for big in [9_007_199_254_740_992_i64, 9_007_199_254_740_993, i64::MAX, i64::MIN] {
        assert!(matches!(to_string(&big), Err(CanonicalError::Integer(_))), "{big}");
    }
    assert!(matches!(to_string(&u128::MAX), Err(CanonicalError::Integer(_))));
    assert!(value_to_string(&Value::from(9_007_199_254_740_993_u64)).is_err());
    assert!(value_to_string(&Value::from(i64::MIN + 1)).is_err());
}

#[test]
fn what_json_would_lose_is_refused() {
    for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(matches!(to_string(&[Some(x)]), Err(CanonicalError::NotFinite(_))));
    }
    assert_eq!(to_string(&BTreeMap::from([(vec![1], 2)])), Err(CanonicalError::Key));
    assert_eq!(to_string(&BTreeMap::from([(10, 1), (9, 2)])).as_deref(), Ok(r#"{"10":1,"9":2}"#));
}

#[test]
fn enums_are_written_as_serde_json_writes_them() {
    #[derive(Serialize)]
    enum E {
        Unit,
        New(u8),
        Tuple(u8, f32),
        Struct { b: Option<&'static str>, a: (char, bool) },
    }
    let all = [E::Unit, E::New(1), E::Tuple(2, 0.5), E::Struct { b: None, a: ('é', true) }];
    let expected = r#"["Unit",{"New":1},{"Tuple":[2,0.5]},{"Struct":{"a":["é",true],"b":null}}]"#;
    assert_eq!(to_string(&all).as_deref(), Ok(expected));
    assert_eq!(to_value(&all).ok(), serde_json::to_value(&all).ok());
}
