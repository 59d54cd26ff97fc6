//! A row is a struct of typed columns, visited one after the other.
//!
//! One visitor per row type, written by [`record!`](crate::record!), serves every use of a row: binding it to a
//! statement, reading it back, hashing it for a digest, printing it. No model sees a database or writes SQL, and
//! a table is what its row type says: real columns that any BI tool can query.
//!
//! Conventions of columns: money is an INTEGER of minor units beside a `currency` column; a time is an INTEGER
//! of microseconds since the Unix epoch, UTC; a flag is 0 or 1.

use crate::model::Key;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A 64-bit integer: a count, minor units, microseconds, a flag.
    Integer,
    /// Text.
    Text,
}

/// What a column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Text.
    Text,
    /// Yes or no: 1 or 0.
    Flag,
    /// A number of things, or a number among others.
    Count,
    /// Minor units of the row's currency.
    Money,
    /// Microseconds since the epoch, UTC.
    Time,
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub ty: Type,
    /// What it counts.
    pub unit: Unit,
    /// Whether it may be absent.
    pub optional: bool,
    /// Whether it belongs to this copy alone (a position, a time of recording) and stays out of digests.
    pub local: bool,
    /// What it means, with its unit.
    pub doc: &'static str,
}

/// Takes the cells of a row, in the order of its columns.
pub trait Sink {
    /// An integer, or nothing.
    fn integer(&mut self, value: Option<i64>);
    /// A text, or nothing.
    fn text(&mut self, value: Option<&str>);
}

/// Gives the cells of a row, in the order of its columns.
pub trait Source {
    /// The next cell, an integer.
    fn integer(&mut self) -> Option<i64>;
    /// The next cell, a text.
    fn text(&mut self) -> Option<String>;
}

/// A value that one column can hold.
pub trait Cell: Sized {
    /// What the column holds.
    const TYPE: Type;
    /// What it counts, where the row type does not say `= money` or `= time`.
    const UNIT: Unit;
    /// Whether the column may be absent.
    const OPTIONAL: bool = false;
    /// Hands the value over.
    fn put<S: Sink>(&self, sink: &mut S);
    /// Takes the value back.
    fn get<S: Source>(source: &mut S) -> Self;
}

impl Cell for i64 {
    const TYPE: Type = Type::Integer;
    const UNIT: Unit = Unit::Count;
    fn put<S: Sink>(&self, sink: &mut S) {
        sink.integer(Some(*self));
    }
    fn get<S: Source>(source: &mut S) -> Self {
        source.integer().unwrap_or_default()
    }
}

impl Cell for Option<i64> {
    const TYPE: Type = Type::Integer;
    const UNIT: Unit = Unit::Count;
    const OPTIONAL: bool = true;
    fn put<S: Sink>(&self, sink: &mut S) {
        sink.integer(*self);
    }
    fn get<S: Source>(source: &mut S) -> Self {
        source.integer()
    }
}

impl Cell for bool {
    const TYPE: Type = Type::Integer;
    const UNIT: Unit = Unit::Flag;
    fn put<S: Sink>(&self, sink: &mut S) {
        sink.integer(Some(i64::from(*self)));
    }
    fn get<S: Source>(source: &mut S) -> Self {
        source.integer() == Some(1)
    }
}

impl Cell for Option<bool> {
    const TYPE: Type = Type::Integer;
    const UNIT: Unit = Unit::Flag;
    const OPTIONAL: bool = true;
    fn put<S: Sink>(&self, sink: &mut S) {
        sink.integer(self.map(i64::from));
    }
    fn get<S: Source>(source: &mut S) -> Self {
        source.integer().map(|flag| flag == 1)
    }
}

impl Cell for String {
    const TYPE: Type = Type::Text;
    const UNIT: Unit = Unit::Text;
    fn put<S: Sink>(&self, sink: &mut S) {
        sink.text(Some(self));
    }
    fn get<S: Source>(source: &mut S) -> Self {
        source.text().unwrap_or_default()
    }
}

impl Cell for Option<String> {
    const TYPE: Type = Type::Text;
    const UNIT: Unit = Unit::Text;
    const OPTIONAL: bool = true;
    fn put<S: Sink>(&self, sink: &mut S) {
        sink.text(self.as_deref());
    }
    fn get<S: Source>(source: &mut S) -> Self {
        source.text()
    }
}

/// A row type: its table, its columns, its key.
pub trait Record: Clone + std::fmt::Debug + PartialEq + Send + Sync + 'static {
    /// Name of its table; empty for a model without child rows.
    const TABLE: &'static str;
    /// Its columns.
    const COLUMNS: &'static [Column];
    /// The columns that tell one row from another; of child rows, within their parent.
    const KEY: &'static [&'static str];
    /// Visits the cells.
    fn put<S: Sink>(&self, sink: &mut S);
    /// Reads the cells.
    fn get<S: Source>(source: &mut S) -> Self;
    /// The key, borrowed from the row. Empty for child rows.
    fn key(&self) -> Key<'_>;
}

/// Declares a row type. `key(..)` names its text key columns; `number` in its place marks child rows, which are
/// numbered by their parent's counter. After a column, `= money` and `= time` say what it counts, and `= local`
/// (after either) keeps it out of digests.
#[macro_export]
macro_rules! record {
    (
        $(#[doc = $sdoc:literal])*
        $name:ident in $table:literal, key($($key:ident),+) { $($body:tt)* }
    ) => {
        $crate::record!(@struct [$(#[doc = $sdoc])*] $name { $($body)* });
        impl $crate::record::Record for $name {
            const KEY: &'static [&'static str] = &[$(stringify!($key)),+];
            $crate::record!(@columns $table { $($body)* });
            fn key(&self) -> $crate::model::Key<'_> {
                $crate::model::Key::new(&[$(&*self.$key),+])
            }
        }
    };
    (
        $(#[doc = $sdoc:literal])*
        $name:ident in $table:literal, number { $($body:tt)* }
    ) => {
        $crate::record!(@struct [$(#[doc = $sdoc])*] $name { $($body)* });
        impl $crate::record::Record for $name {
            const KEY: &'static [&'static str] = &["number"];
            $crate::record!(@columns $table { $($body)* });
            fn key(&self) -> $crate::model::Key<'_> {
                $crate::model::Key::new(&[])
            }
        }
    };
    (@struct [$(#[doc = $sdoc:literal])*] $name:ident {
        $($(#[doc = $doc:literal])+ $field:ident : $ty:ty $(= $($word:ident)+)?),* $(,)?
    }) => {
        $(#[doc = $sdoc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
        pub struct $name { $($(#[doc = $doc])+ pub $field: $ty),* }
    };
    (@columns $table:literal {
        $($(#[doc = $doc:literal])+ $field:ident : $ty:ty $(= $($word:ident)+)?),* $(,)?
    }) => {
        const TABLE: &'static str = $table;
        const COLUMNS: &'static [$crate::record::Column] = &[$($crate::record::Column {
            name: stringify!($field),
            ty: <$ty as $crate::record::Cell>::TYPE,
            optional: <$ty as $crate::record::Cell>::OPTIONAL,
            unit: $crate::record!(@unit $ty $(; $($word)+)?),
            local: $crate::record!(@local $($($word)+)?),
            doc: concat!($($doc),+),
        }),*];
        fn put<S: $crate::record::Sink>(&self, sink: &mut S) {
            $($crate::record::Cell::put(&self.$field, sink);)*
        }
        fn get<S: $crate::record::Source>(source: &mut S) -> Self {
            $(let $field = $crate::record::Cell::get(source);)*
            Self { $($field),* }
        }
    };
    (@unit $ty:ty; money $($more:ident)*) => { $crate::record::Unit::Money };
    (@unit $ty:ty; time $($more:ident)*) => { $crate::record::Unit::Time };
    (@unit $ty:ty $(; $($word:ident)*)?) => { <$ty as $crate::record::Cell>::UNIT };
    (@local local) => { true };
    (@local $word:ident $($more:ident)+) => { $crate::record!(@local $($more)+) };
    (@local $($word:ident)?) => { false };
}

/// The child rows of a model that appends none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoChild {}

impl Record for NoChild {
    const TABLE: &'static str = "";
    const COLUMNS: &'static [Column] = &[];
    const KEY: &'static [&'static str] = &[];
    fn put<S: Sink>(&self, _: &mut S) {}
    fn get<S: Source>(_: &mut S) -> Self {
        unreachable!("a model without child rows has no table to read them from")
    }
    fn key(&self) -> Key<'_> {
        Key::new(&[])
    }
}
