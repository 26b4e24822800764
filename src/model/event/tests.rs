use super::*;

fn context() -> Arc<Context> {
    Arc::new(Context {
        origin: Origin::Twin,
        purpose: Purpose::Trial,
        cell: CellRef { id: "c1".into(), hash: "00".into() },
        program: "cellwright 0.1.0".into(),
        order: None,
        lot: Some("L-1".into()),
        clock_state: ClockState::Virtual,
    })
}

fn unit() -> Arc<UnitContext> {
    Arc::new(UnitContext {
        serial: "CW/1".into(),
        udi: None,
        recipe: RecipeRef {
            id: "r".into(),
            version: "1.0.0".into(),
            hash: "11".into(),
            plan_hash: None,
            variant: None,
            set: Default::default(),
            approval: None,
        },
    })
}

fn step() -> StepEnded {
    StepEnded {
        step: "press-cannula".into(),
        n: 3,
        station: Some("press".into()),
        attempt: 1,
        start: "2000-01-01T00:00:00.000000000Z".into(),
        end: "2000-01-01T00:00:01.000000000Z".into(),
        duration_ns: 1_000_000_000,
        outcome: StepOutcome::Passed,
        cause: None,
        operator: None,
        training: None,
        equipment: vec![],
        components: vec![],
        measurements: vec![Measurement {
            name: "seat_force".into(),
            value: Some(101.5),
            unit: "N".into(),
            limits: [Some(70.0), Some(150.0)],
            verdict: Verdict::Pass,
            spec: None,
        }],
        curves: vec![],
        label: None,
        environment: vec![],
    }
}

/// One of each kind, so that no kind can have a field that the context has too.
fn all() -> Vec<EventData> {
    let s = String::new;
    vec![
        EventData::CellState(CellStateChanged {
            from: None,
            to: CellState::Aborted,
            cause: "power-up".into(),
            mode: CellMode::Production,
        }),
        EventData::CellCommand(CellCommanded {
            command: "Start".into(),
            who: "ada".into(),
            whence: "panel".into(),
            accepted: false,
            reason: Some("not in Idle".into()),
        }),
        EventData::Alarm(AlarmChanged {
            id: "a".into(),
            class: AlarmClass::Hold,
            change: AlarmChange::Raised,
            first_out: true,
            cause: s(),
            place: s(),
            remedy: s(),
            who: None,
            follows: None,
            repeats: 0,
            consequences: 0,
        }),
        EventData::UnitOpened(UnitOpened { carrier: None, operator: None, resumed: None }),
        EventData::StepOutcome(step()),
        EventData::UnitResult(UnitEnded {
            result: UnitResult::Good,
            cause: None,
            retested: false,
            counts: StepCounts::default(),
        }),
        EventData::PartMoved(PartMoved { part: s(), from: s(), to: s(), verified: true }),
        EventData::MaterialLoaded(MaterialLoaded {
            component: s(),
            part: s(),
            material_lot: None,
            material_serial: None,
            place: s(),
            quantity: 1,
            expires: None,
            operator: None,
        }),
        EventData::OperatorAnswer(OperatorAnswered {
            step: None,
            prompt: s(),
            answer: s(),
            operator: s(),
            reason: None,
        }),
    ]
}

fn draft(data: EventData) -> EventDraft {
    let time = Stamp { wall_unix_ns: 0, monotonic_ns: 1 << 60 };
    EventDraft { time, context: context(), unit: Some(unit()), data }
}

#[test]
fn every_kind_is_flat_carries_the_context_and_reads_back() {
    for data in all() {
        let json = draft(data.clone()).data_json("boot").expect("finite numbers");
        let own = data.fields().expect("finite numbers");
        for (name, value) in own.as_object().expect("an object") {
            assert_eq!(json.get(name), Some(value), "{} hides `{name}`", data.type_name());
        }
        for name in
            ["origin", "purpose", "order", "lot", "serial", "udi", "recipe", "cell", "program", "clock"]
        {
            assert!(own.get(name).is_none(), "{}: `{name}` is the context's", data.type_name());
            assert!(json.get(name).is_some(), "{} lacks `{name}`", data.type_name());
        }
        assert_eq!(json["clock"]["monotonic_ns"], "1152921504606846976");
        assert_eq!(EventData::from_json(data.type_name(), &json), Some(data));
    }
    assert_eq!(EventData::from_json("cellwright.unknown", &Value::Null), None);
}

#[test]
fn an_event_without_a_unit_reserves_its_names() {
    let mut d = draft(all().remove(0));
    d.unit = None;
    let json = d.data_json("boot").expect("finite numbers");
    assert_eq!(json["serial"], Value::Null);
    assert!(json.as_object().expect("an object").contains_key("serial"));
    assert_eq!(d.subject(), "cell/c1");
}

#[test]
fn a_value_that_is_no_number_is_refused() {
    let mut s = step();
    s.measurements[0].value = Some(f64::NAN);
    assert!(draft(EventData::StepOutcome(s)).data_json("boot").is_err());
}

#[test]
fn subjects_name_the_unit_and_the_attempt() {
    assert_eq!(draft(EventData::StepOutcome(step())).subject(), "unit/CW/1/step/3/1");
}

#[test]
fn the_journal_reads_back() {
    let entry = JournalEntry::UnitOpened {
        context: context(),
        unit: unit(),
        time: Stamp { wall_unix_ns: 5, monotonic_ns: 6 },
        resumes: false,
    };
    let text = serde_json::to_string(&entry).expect("plain data");
    assert_eq!(serde_json::from_str::<JournalEntry>(&text).expect("its own text"), entry);
}
