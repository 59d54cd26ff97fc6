//! The workbook: figures with their definitions, and a sheet for each table. The lines are CSV, which every spreadsheet opens.

use chrono::Datelike as _;
use daybook_packs::{Definition, Figures, Series, Unit};
use rust_xlsxwriter::{
    Color, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};

use super::Head;

pub(super) fn workbook(head: &Head<'_>, figures: &Figures) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    // the pack's last day, not that of the writing: the same lines give the same file
    let year = u16::try_from(head.to.year()).unwrap_or(9999);
    let made = ExcelDateTime::from_ymd(year, head.to.month() as u8, head.to.day() as u8)?;
    book.set_properties(&DocProperties::new().set_title(head.title()).set_creation_datetime(&made));
    summary(book.add_worksheet(), head, figures)?;
    for table in &figures.tables {
        sheet(book.add_worksheet(), head, table)?;
    }
    book.save_to_buffer()
}

fn summary(sheet: &mut Worksheet, head: &Head<'_>, figures: &Figures) -> Result<(), XlsxError> {
    page(sheet, head)?;
    sheet.set_name("Figures")?.set_freeze_panes(5, 0)?;
    sheet.write_with_format(0, 0, head.title(), &Format::new().set_bold().set_font_size(16))?;
    let days = format!("{} to {} ({}), {}", head.from, head.to, head.time_zone, head.currency);
    sheet.write(1, 0, days)?;
    let to = head.issued.map_or("DRAFT: not issued".to_owned(), |(to, _)| format!("Issued to {to}"));
    sheet.write(2, 0, to)?;
    sheet.write(
        3,
        0,
        "To check: daybook loan-pack verify FILE --key PUBLIC_KEY (the whole pack, not this file alone)",
    )?;
    for (column, label) in (0..).zip(["Id", "Figure", "Value", "What it is"]) {
        sheet.write_with_format(4, column, label, &header())?;
    }
    let wrapped = Format::new().set_text_wrap().set_align(FormatAlign::Top);
    for (row, figure) in (5..).zip(&figures.figures) {
        let of = Definition::of(figure.id);
        sheet.write(row, 0, figure.id)?.write(row, 1, of.map_or("", |of| of.title))?;
        cell(sheet, (row, 2), of, figure.value.as_deref(), head)?;
        sheet.write_with_format(row, 3, of.map_or("", |of| of.means), &wrapped)?;
    }
    sheet
        .set_column_width(0, 30)?
        .set_column_width(1, 34)?
        .set_column_width(2, 18)?
        .set_column_width(3, 80)?;
    Ok(())
}

fn sheet(sheet: &mut Worksheet, head: &Head<'_>, table: &Series) -> Result<(), XlsxError> {
    page(sheet, head)?;
    sheet.set_name(table.id)?.set_freeze_panes(1, 1)?.set_repeat_rows(0, 0)?;
    let defined: Vec<Option<&Definition>> = table.columns.iter().map(|id| Definition::of(id)).collect();
    for (column, (id, of)) in (0..).zip(table.columns.iter().zip(&defined)) {
        sheet.write_with_format(0, column, of.map_or(*id, |of| of.title), &header().set_text_wrap())?;
        sheet.set_column_width(column, 17)?;
    }
    for (row, cells) in (1..).zip(&table.rows) {
        for (column, (value, of)) in (0..).zip(cells.iter().zip(&defined)) {
            cell(sheet, (row, column), *of, value.as_deref(), head)?;
        }
    }
    Ok(())
}

/// A workbook knows no decimals: a number is written from its decimal text, and nothing is reckoned with it here.
fn cell(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    of: Option<&Definition>,
    value: Option<&str>,
    head: &Head<'_>,
) -> Result<(), XlsxError> {
    let Some(value) = value else { return Ok(()) };
    let digits = head.currency.digits() as usize;
    let format = match of.map(|of| of.unit) {
        None | Some(Unit::Text) => {
            sheet.write(row, column, value)?;
            return Ok(());
        }
        Some(Unit::Money) if digits > 0 => format!("#,##0.{}", "0".repeat(digits)),
        Some(Unit::Money | Unit::Count) => "#,##0".to_owned(),
        Some(Unit::Ratio | Unit::RatioEstimate) => "0.0000".to_owned(),
        Some(Unit::MoneyEstimate) => "#,##0.00".to_owned(),
        Some(Unit::Days) => "0.0".to_owned(),
    };
    let format = Format::new().set_num_format(format).set_align(FormatAlign::Top);
    sheet.write_with_format(row, column, value.parse::<f64>().unwrap_or(f64::NAN), &format)?;
    Ok(())
}

/// Landscape A4, as wide as the page, with the number of each page.
fn page(sheet: &mut Worksheet, head: &Head<'_>) -> Result<(), XlsxError> {
    // & begins a code in a footer
    let name = head.name.replace('&', "&&");
    sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
    sheet.set_footer(format!("&L{name}  {} to {}&R&P / &N", head.from, head.to));
    Ok(())
}

fn header() -> Format {
    Format::new()
        .set_bold()
        .set_background_color(Color::RGB(0x00E8_ECF1))
        .set_border_bottom(FormatBorder::Thin)
        .set_align(FormatAlign::VerticalCenter)
}
