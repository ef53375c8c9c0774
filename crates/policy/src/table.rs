//! The shape of the table of settings; `settings.rs` fills it.

use toml::{Spanned, de::DeValue};

use crate::kind::{Kind, Refusal};

/// What is told about a key: the same for errors, explanations and documents.
#[derive(Clone, Copy, Debug)]
pub struct KeyInfo {
    /// The key in its section.
    pub name: &'static str,
    /// One or more sentences.
    pub doc: &'static str,
    /// The allowed values.
    pub kind: Kind,
}

/// One row of the table: `S` tells the sections that share the row apart, `V` holds a value.
pub(crate) struct Key<S: 'static, V: 'static> {
    pub(crate) info: KeyInfo,
    pub(crate) applies: fn(S) -> bool,
    pub(crate) default: fn(S) -> V,
    pub(crate) read: fn(&Spanned<DeValue<'_>>) -> Result<V, Refusal>,
}

/// Declares a section: the struct that callers read, the enum of one value, and the rows.
///
/// A row is `key / Variant: type = default, if applies;`, the latter two being functions of the
/// subject. A value of the enum can only be assigned to the field it was read for, with its
/// type, so that building the struct from checked values cannot fail.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $Settings:ident / $Value:ident for $Subject:ty {
            $(
                $(#[doc = $doc:literal])+
                $field:ident / $Variant:ident: $ty:ty = $default:expr, if $applies:expr;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $Settings {
            $($(#[doc = $doc])+ pub $field: $ty,)+
        }

        /// One value of the section.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) enum $Value {
            $($Variant($ty),)+
        }

        impl $Settings {
            pub(crate) const ABOUT: &'static str = concat!($($about),+).trim_ascii();
            pub(crate) const KEYS: &'static [$crate::table::Key<$Subject, $Value>] = &[$(
                $crate::table::Key {
                    info: $crate::table::KeyInfo {
                        name: stringify!($field),
                        doc: concat!($($doc),+).trim_ascii(),
                        kind: <$ty as $crate::kind::Typed>::KIND,
                    },
                    applies: $applies,
                    default: |subject| {
                        let default: fn($Subject) -> $ty = $default;
                        $Value::$Variant(default(subject))
                    },
                    read: |raw| <$ty as $crate::kind::Typed>::read(raw).map($Value::$Variant),
                },
            )+];

            /// The built-in values.
            pub(crate) fn built_in(subject: $Subject) -> Self {
                $(
                    let default: fn($Subject) -> $ty = $default;
                    let $field = default(subject);
                )+
                Self { $($field),+ }
            }

            pub(crate) fn assign(&mut self, value: &$Value) {
                match value {
                    $($Value::$Variant(value) => self.$field.clone_from(value),)+
                }
            }
        }

        impl $Value {
            /// The value as it is written in a policy file.
            pub(crate) fn toml(&self) -> String {
                match self {
                    $(Self::$Variant(value) => $crate::kind::Typed::toml(value),)+
                }
            }
        }
    };
}
pub(crate) use section;
