//! How a family is declared.

/// Declares families: the doc comment is the help, in rustdoc and for Prometheus alike.
macro_rules! declare {
    ($(
        $(#[doc = $help:literal])+
        $name:ident: $type:ident($source:ident $kind:ident) = $full:literal, [$($label:ident),*] $(, $buckets:ident)?;
    )+) => {
        $(
            $(#[doc = $help])+
            pub const $name: $crate::metrics::$type<{
                const LABELS: &[$crate::metrics::Label] = &[$(super::labels::$label),*];
                LABELS.len()
            }> = $crate::metrics::$type(&$crate::metrics::Family {
                name: $full,
                kind: $crate::metrics::Kind::$kind,
                source: $crate::metrics::Source::$source,
                help: concat!($($help),+),
                labels: &[$(super::labels::$label),*],
                buckets: declare::declare!(@buckets $($buckets)?),
            });
        )+
        /// The families of this chapter, in their order.
        pub(super) const ALL: &[&$crate::metrics::Family] = &[$($name.0),+];
    };
    (@buckets) => { &[] };
    (@buckets $buckets:ident) => { $buckets };
}
pub(super) use declare;
