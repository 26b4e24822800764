//! Schemas are whole: each reference leads somewhere, and each kind of step stands in the recipe's.

use cellwright_editor::schema;
use cellwright_recipe::FileKind;
use serde_json::Value;

fn references(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            out.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|v| references(v, out));
        }
        Value::Array(list) => list.iter().for_each(|v| references(v, out)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    for kind in FileKind::ALL {
        let schema = schema(kind, None);
        let mut all = Vec::new();
        references(&schema, &mut all);
        assert!(!all.is_empty(), "{}", kind.word());
        for reference in all {
            let name = reference.trim_start_matches("#/definitions/").replace("%20", " ");
            assert!(schema["definitions"][&name].is_object(), "{}: {reference}", kind.word());
        }
    }
}

#[test]
fn every_kind_of_step_is_there_with_its_own_fields() {
    let schema = schema(FileKind::Recipe, None);
    for kind in cellwright_steps::TABLE {
        let name = kind.name();
        assert!(schema["definitions"]["step"]["properties"][name].is_object(), "{name}");
        let fields = &schema["definitions"][name]["properties"];
        assert_eq!(fields["on_fail"].is_object(), kind.judges(), "{name}");
        assert!(kind.shape().fields.iter().all(|f| fields[f.name].is_object()), "{name}");
    }
}
