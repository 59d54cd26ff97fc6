//! The tables of kept figures, and what of them is shown.

use crate::engine::sql::Statements;
use crate::record::{Column, Type, Unit};

/// The tables, each `name__rN`.
pub(super) const TABLES: [&str; 13] = [
    "traffic_days",
    "sales_days",
    "traffic_names",
    "traffic_visitors",
    "traffic_pages",
    "traffic_ways",
    "traffic_views",
    "traffic_orders",
    "traffic_zone",
    "traffic_sites",
    "traffic_months",
    "sales_months",
    "traffic_months_made",
];

const fn column(name: &'static str, ty: Type, unit: Unit, doc: &'static str) -> Column {
    Column { name, ty, unit, optional: false, local: false, doc }
}

/// Figures of traffic by day and group, as they are shown.
pub(super) const TRAFFIC_DAYS: &[Column] = &[
    column("day", Type::Text, Unit::Text, "The business day."),
    column(
        "dimension",
        Type::Text,
        Unit::Text,
        "What the row is by: all, channel, campaign, merchant, sales_channel.",
    ),
    column(
        "name",
        Type::Text,
        Unit::Text,
        "Which one: the channel, the campaign's word in links, ...; empty where none is known.",
    ),
    column("uv", Type::Integer, Unit::Count, "Distinct visitors who were shown a page."),
    column("pv", Type::Integer, Unit::Count, "Distinct pages of each visitor."),
    column("views", Type::Integer, Unit::Count, "Pages shown."),
    column("visits", Type::Integer, Unit::Count, "Visits that began."),
    column("bounces", Type::Integer, Unit::Count, "Of them, those of one page."),
    column("stay", Type::Integer, Unit::Count, "How long they lasted together, microseconds."),
];

/// Figures of sales by day and group, as they are shown.
pub(super) const SALES_DAYS: &[Column] = &[
    column("day", Type::Text, Unit::Text, "The business day on which payments were complete."),
    column(
        "dimension",
        Type::Text,
        Unit::Text,
        "What the row is by: as in traffic_days, or untracked: orders that no visit led to.",
    ),
    column("name", Type::Text, Unit::Text, "Which one; empty where none is known."),
    column("currency", Type::Text, Unit::Text, "Currency of all amounts."),
    column("buyers", Type::Integer, Unit::Count, "Distinct buyers."),
    column("orders", Type::Integer, Unit::Count, "Orders."),
    column(
        "order_value",
        Type::Integer,
        Unit::Money,
        "What merchants are credited for them, before commission.",
    ),
    column("gmv", Type::Integer, Unit::Money, "What buyers paid for them."),
    column("refunded", Type::Integer, Unit::Money, "What went back of that, whenever."),
];

/// The engine's statements for a generation.
pub(super) fn statements(generation: u32) -> Statements {
    let of = |text: &str| text.replace("__r", &format!("__r{generation}"));
    let (create, index, views) = (of(CREATE), of(INDEX), of(VIEWS));
    // what each of its tables ends with
    Statements { table: of("__r"), create, index, views, ..Statements::default() }
}

const CREATE: &str = "
CREATE TABLE traffic_days__r(
    _id INTEGER PRIMARY KEY, grp INTEGER NOT NULL, day INTEGER NOT NULL, word INTEGER NOT NULL,
    uv INTEGER NOT NULL, pv INTEGER NOT NULL, views INTEGER NOT NULL, visits INTEGER NOT NULL,
    bounces INTEGER NOT NULL, stay INTEGER NOT NULL, visitors BLOB NOT NULL, bouncers BLOB NOT NULL) STRICT;
CREATE TABLE sales_days__r(
    _id INTEGER PRIMARY KEY, grp INTEGER NOT NULL, day INTEGER NOT NULL, currency TEXT NOT NULL,
    word INTEGER NOT NULL, buyers INTEGER NOT NULL, orders INTEGER NOT NULL, order_value INTEGER NOT NULL,
    gmv INTEGER NOT NULL, refunded INTEGER NOT NULL, who BLOB NOT NULL) STRICT;
CREATE TABLE traffic_names__r(number INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE traffic_visitors__r(number INTEGER PRIMARY KEY, text TEXT NOT NULL, first_view INTEGER) STRICT;
CREATE TABLE traffic_pages__r(
    number INTEGER PRIMARY KEY, rank INTEGER NOT NULL, path INTEGER NOT NULL, topic INTEGER NOT NULL,
    product INTEGER NOT NULL, merchant INTEGER NOT NULL, sales_channel INTEGER NOT NULL) STRICT;
CREATE TABLE traffic_ways__r(
    number INTEGER PRIMARY KEY, rank INTEGER NOT NULL, channel INTEGER NOT NULL, paid INTEGER NOT NULL,
    site INTEGER NOT NULL, campaign INTEGER NOT NULL, tagged INTEGER NOT NULL) STRICT;
CREATE TABLE traffic_views__r(
    day INTEGER NOT NULL, visitor INTEGER NOT NULL, packed BLOB NOT NULL,
    PRIMARY KEY(day, visitor)) STRICT, WITHOUT ROWID;
CREATE TABLE traffic_orders__r(
    number INTEGER PRIMARY KEY, order_id TEXT NOT NULL, placed_at INTEGER NOT NULL, visitor INTEGER,
    buyer INTEGER NOT NULL, merchant INTEGER NOT NULL, sales_channel INTEGER NOT NULL, currency TEXT NOT NULL,
    paid_at INTEGER, paid_day INTEGER, paid INTEGER NOT NULL, refunded INTEGER NOT NULL,
    tracked INTEGER NOT NULL, way INTEGER, worth INTEGER NOT NULL) STRICT;
CREATE TABLE traffic_months__r(
    _id INTEGER PRIMARY KEY, grp INTEGER NOT NULL, day INTEGER NOT NULL, word INTEGER NOT NULL,
    pv INTEGER NOT NULL, views INTEGER NOT NULL, visits INTEGER NOT NULL, bounces INTEGER NOT NULL,
    stay INTEGER NOT NULL, visitors BLOB NOT NULL, bouncers BLOB NOT NULL) STRICT;
CREATE TABLE sales_months__r(
    _id INTEGER PRIMARY KEY, grp INTEGER NOT NULL, day INTEGER NOT NULL, currency TEXT NOT NULL,
    word INTEGER NOT NULL, orders INTEGER NOT NULL, order_value INTEGER NOT NULL, gmv INTEGER NOT NULL,
    refunded INTEGER NOT NULL, who BLOB NOT NULL) STRICT;
CREATE TABLE traffic_months_made__r(day INTEGER PRIMARY KEY) STRICT;
CREATE TABLE traffic_zone__r(one INTEGER PRIMARY KEY, zone TEXT NOT NULL) STRICT;
CREATE TABLE traffic_sites__r(one INTEGER PRIMARY KEY, lists TEXT NOT NULL) STRICT;
";

const INDEX: &str = "
CREATE UNIQUE INDEX traffic_days__r__key ON traffic_days__r(grp, day, word);
CREATE UNIQUE INDEX sales_days__r__key ON sales_days__r(grp, day, currency, word);
CREATE INDEX traffic_months__r__key ON traffic_months__r(grp, day);
CREATE INDEX sales_months__r__key ON sales_months__r(grp, day);
CREATE UNIQUE INDEX traffic_names__r__key ON traffic_names__r(text);
CREATE UNIQUE INDEX traffic_visitors__r__key ON traffic_visitors__r(text);
CREATE UNIQUE INDEX traffic_pages__r__key ON traffic_pages__r(path, topic, product, merchant, sales_channel);
CREATE UNIQUE INDEX traffic_ways__r__key ON traffic_ways__r(channel, paid, site, campaign, tagged);
CREATE UNIQUE INDEX traffic_orders__r__key ON traffic_orders__r(order_id);
CREATE INDEX traffic_orders__r__i0 ON traffic_orders__r(visitor, placed_at) WHERE visitor IS NOT NULL;
CREATE INDEX traffic_orders__r__i1 ON traffic_orders__r(paid_day) WHERE paid_day IS NOT NULL;
";

/// What is shown, and the kept sets under names that do not change.
const VIEWS: &str = "
DROP VIEW IF EXISTS _traffic_days; CREATE VIEW _traffic_days AS SELECT * FROM traffic_days__r;
DROP VIEW IF EXISTS _sales_days; CREATE VIEW _sales_days AS SELECT * FROM sales_days__r;
DROP VIEW IF EXISTS _traffic_months; CREATE VIEW _traffic_months AS SELECT * FROM traffic_months__r;
DROP VIEW IF EXISTS _sales_months; CREATE VIEW _sales_months AS SELECT * FROM sales_months__r;
DROP VIEW IF EXISTS _traffic_months_made; CREATE VIEW _traffic_months_made AS SELECT * FROM traffic_months_made__r;
DROP VIEW IF EXISTS _traffic_sites; CREATE VIEW _traffic_sites AS SELECT * FROM traffic_sites__r;
DROP VIEW IF EXISTS _traffic_names; CREATE VIEW _traffic_names AS SELECT * FROM traffic_names__r;
DROP VIEW IF EXISTS traffic_days;
CREATE VIEW traffic_days AS SELECT
    date(day * 86400, 'unixepoch') AS day,
    CASE grp WHEN 0 THEN 'all' WHEN 1 THEN 'channel' WHEN 2 THEN 'campaign' WHEN 3 THEN 'merchant'
        ELSE 'sales_channel' END AS dimension,
    CASE WHEN grp = 1 THEN CASE word WHEN 0 THEN 'direct' WHEN 1 THEN 'organic_search' WHEN 2 THEN 'paid_search'
        WHEN 3 THEN 'external' WHEN 4 THEN 'affiliate' WHEN 5 THEN 'social' WHEN 6 THEN 'email' WHEN 7 THEN 'sms'
        WHEN 8 THEN 'offline' ELSE 'directory' END
        ELSE coalesce((SELECT text FROM traffic_names__r n WHERE n.number = word), '') END AS name,
    uv, pv, views, visits, bounces, stay FROM traffic_days__r WHERE grp < 5;
DROP VIEW IF EXISTS sales_days;
CREATE VIEW sales_days AS SELECT
    date(day * 86400, 'unixepoch') AS day,
    CASE grp WHEN 0 THEN 'all' WHEN 1 THEN 'channel' WHEN 2 THEN 'campaign' WHEN 3 THEN 'merchant'
        WHEN 4 THEN 'sales_channel' ELSE 'untracked' END AS dimension,
    CASE WHEN grp = 1 THEN CASE word WHEN 0 THEN 'direct' WHEN 1 THEN 'organic_search' WHEN 2 THEN 'paid_search'
        WHEN 3 THEN 'external' WHEN 4 THEN 'affiliate' WHEN 5 THEN 'social' WHEN 6 THEN 'email' WHEN 7 THEN 'sms'
        WHEN 8 THEN 'offline' ELSE 'directory' END
        ELSE coalesce((SELECT text FROM traffic_names__r n WHERE n.number = word), '') END AS name,
    currency, buyers, orders, order_value, gmv, refunded FROM sales_days__r;
";

#[cfg(test)]
mod tests {
    use daybook_metrics::Channel;

    use super::*;
    use crate::metrics::live::Group;

    #[test]
    fn the_words_in_the_views_are_those_of_groups_and_channels() {
        for channel in Channel::ALL {
            let shown = format!("WHEN {} THEN '{}'", channel as u32, channel.as_str());
            let last = format!("ELSE '{}' END", channel.as_str());
            assert!(VIEWS.contains(&shown) || VIEWS.contains(&last), "{channel}");
        }
        for group in Group::FILED.into_iter().chain([Group::Untracked]) {
            let shown = format!("WHEN {} THEN '{}'", group as u8, group.as_str());
            let last = format!("ELSE '{}' END", group.as_str());
            assert!(VIEWS.contains(&shown) || VIEWS.contains(&last), "{}", group.as_str());
        }
        let all = statements(7);
        for table in TABLES {
            assert!(all.create.contains(&format!("CREATE TABLE {table}__r7(")), "{table}");
        }
    }
}
