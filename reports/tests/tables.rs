//! Tables as other programs read them.
#![allow(clippy::unwrap_used)]

mod support;

use daybook_projections::ReadModels;
use daybook_reports::tables::{Shape, Table, document, tables, write_table};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use support::Tale;

fn table(name: &str) -> Table {
    tables().into_iter().find(|table| table.name == name).unwrap()
}

fn tale() -> Tale {
    let tale = Tale::new();
    let placed = include_str!("../../domain/fixtures/OrderPlaced.v1.minimal.json");
    tale.order("o-1", "2018-01-30T02:00:00Z", "OrderPlaced", &serde_json::from_str(placed).unwrap());
    tale.sale("o-1", "2018-01-30T03:00:00Z", "2018-02-05T03:00:00.25Z");
    tale.converted_payout("iban,\"main\"");
    tale
}

fn csv(models: &ReadModels, name: &str) -> String {
    let mut out = Vec::new();
    write_table(models, &table(name), Shape::Csv, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn every_column_of_every_table_is_documented() {
    let all = tables();
    assert_eq!(all.len(), 15);
    insta::assert_snapshot!(document(&all));
}

#[test]
fn csv_has_amounts_of_each_currency_and_times_of_utc() {
    let tale = tale();
    let models = tale.models();
    // when a row was recorded is now
    let known = |line: &str| {
        let cells: Vec<&str> =
            line.split(',').enumerate().filter(|(at, _)| *at != 9).map(|(_, cell)| cell).collect();
        cells.join(",")
    };
    let entries = csv(&models, "entries").lines().map(known).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(entries);
    let payouts = csv(&models, "payouts");
    assert!(payouts.contains("\"iban,\"\"main\"\"\""), "{payouts}");
    assert!(payouts.contains(",CNY,80.00,") && payouts.contains(",JPY,0,1200"), "{payouts}");
}

#[test]
fn parquet_holds_what_csv_holds() {
    let tale = tale();
    let models = tale.models();
    for table in tables() {
        let mut file = Vec::new();
        let rows = write_table(&models, &table, Shape::Parquet, &mut file).unwrap();
        let reader = SerializedFileReader::new(parquet_bytes(file)).unwrap();
        let text = csv(&models, table.name);
        let mut lines = csv::Reader::from_reader(text.as_bytes());
        let names: Vec<String> = lines.headers().unwrap().iter().map(str::to_owned).collect();
        let mut seen = 0;
        for (row, line) in reader.get_row_iter(None).unwrap().zip(lines.records()) {
            let (row, line) = (row.unwrap(), line.unwrap());
            for ((name, field), (cell, wanted)) in row.get_column_iter().zip(line.iter().zip(&names)) {
                assert_eq!(name, wanted);
                assert_eq!(shown(field), plain(cell, field), "{}.{name}", table.name);
            }
            seen += 1;
        }
        assert_eq!(
            (seen, rows),
            (rows, reader.metadata().file_metadata().num_rows() as u64),
            "{}",
            table.name
        );
    }
}

fn parquet_bytes(file: Vec<u8>) -> std::fs::File {
    use std::io::{Seek as _, Write as _};
    let mut held = tempfile::tempfile().unwrap();
    held.write_all(&file).unwrap();
    held.rewind().unwrap();
    held
}

/// A field of Parquet as text that can be compared.
fn shown(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Decimal(decimal) => {
            let bytes: [u8; 8] = decimal.data().try_into().unwrap();
            format!("{}e-{}", i64::from_be_bytes(bytes), decimal.scale())
        }
        Field::TimestampMicros(at) => daybook_domain::Timestamp(*at).to_string(),
        other => other.to_string(),
    }
}

/// A cell of CSV in the same words.
fn plain(cell: &str, field: &Field) -> String {
    if !matches!(field, Field::Decimal(_)) {
        return cell.to_owned();
    }
    let (whole, part) = cell.split_once('.').unwrap_or((cell, ""));
    format!("{}e-4", format!("{whole}{part:0<4}").parse::<i64>().unwrap())
}
