//! Whether a JSON value fits a type of an interface file (<https://varlink.org/Interface-Definition>).

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use zlink_idl::{CustomType, Field, Interface, Type};

/// An interface, and which of its fields and enum words have been seen in a message.
pub(crate) struct Seen<'a> {
    pub(crate) interface: Interface<'a>,
    pub(crate) seen: BTreeSet<String>,
}

impl<'a> Seen<'a> {
    pub(crate) fn new(description: &'a str) -> Self {
        let interface = Interface::try_from(description).unwrap_or_else(|e| panic!("{e}\n{description}"));
        Self { interface, seen: BTreeSet::new() }
    }

    /// Checks an object against fields; `place` names it in messages and in `seen`.
    pub(crate) fn object(&mut self, place: &str, fields: &[Field<'a>], value: &Map<String, Value>) {
        for name in value.keys() {
            assert!(
                fields.iter().any(|f| f.name().as_str() == name),
                "{place}.{name} is not in the interface"
            );
        }
        for field in fields {
            let inner = format!("{place}.{}", field.name());
            match value.get(field.name().as_str()) {
                Some(value) => {
                    self.value(&inner, field.ty(), value);
                    self.seen.insert(inner);
                }
                None => assert!(field.ty().as_optional().is_some(), "{inner} must be there: {value:?}"),
            }
        }
    }

    fn value(&mut self, place: &str, ty: &Type<'a>, value: &Value) {
        match (ty, value) {
            (Type::Bool, Value::Bool(_)) | (Type::String, Value::String(_)) => {}
            (Type::Int, Value::Number(number)) => assert!(number.is_i64(), "{place}: {number}"),
            (Type::Optional(inner), value) => {
                assert!(!value.is_null(), "{place}: what is not set is left out");
                self.value(place, inner, value);
            }
            (Type::Array(inner), Value::Array(values)) => {
                for value in values {
                    self.value(place, inner, value);
                }
            }
            (Type::Enum(words), Value::String(word)) => {
                assert!(
                    words.iter().any(|w| w.name().as_str() == word),
                    "{place}: '{word}' is no word of it"
                );
                self.seen.insert(format!("{place}={word}"));
            }
            (Type::Custom(name), value) => self.custom(place, name.as_str(), value),
            (ty, value) => panic!("{place}: {value} is no {ty}"),
        }
    }

    fn custom(&mut self, place: &str, name: &str, value: &Value) {
        let found = self.interface.custom_types().find(|custom| custom.name().as_str() == name).cloned();
        match (found, value) {
            (Some(CustomType::Object(object)), Value::Object(value)) => {
                let fields: Vec<Field<'a>> = object.fields().cloned().collect();
                self.object(name, &fields, value);
            }
            (found, value) => panic!("{place}: {value} is no {found:?}"),
        }
    }

    /// Everything that the interface promises: each field, each word of an enum.
    pub(crate) fn promised(&self) -> BTreeSet<String> {
        let mut promised = BTreeSet::new();
        let mut add = |place: String, fields: Vec<&Field<'a>>| {
            for field in fields {
                let inner = format!("{place}.{}", field.name());
                if let Type::Enum(words) = field.ty() {
                    promised.extend(words.iter().map(|word| format!("{inner}={}", word.name())));
                }
                promised.insert(inner);
            }
        };
        for custom in self.interface.custom_types() {
            add(custom.name().to_string(), custom.as_object().unwrap().fields().collect());
        }
        for method in self.interface.methods() {
            add(format!("{}.call", method.name()), method.inputs().collect());
            add(format!("{}.reply", method.name()), method.outputs().collect());
        }
        for error in self.interface.errors() {
            add(format!("{}.error", error.name()), error.fields().collect());
        }
        promised
    }
}
