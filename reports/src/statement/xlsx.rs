//! A statement as a workbook: a sheet of what stood and stands, and a sheet of movements per currency.

use std::io::Write;

use chrono::{Datelike as _, NaiveDate};
use daybook_domain::Money;
use rust_xlsxwriter::{
    Color, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Formula, Workbook, Worksheet,
    XlsxError,
};

use super::{COLUMNS, Movement, Section, Standing, Statement};
use crate::ReportError;
use crate::amount::Decimals;

const HEAD: [&str; 13] = [
    "Date",
    "Event",
    "Order",
    "Reference",
    "Gross",
    "Commission",
    "Refund",
    "Fee",
    "Other",
    "Paid out",
    "Within balance",
    "Balance",
    "Happened on",
];
/// Where the amounts begin, where what is shifted within the balance stands, the balance, and the day of late ones.
const GROSS: u16 = 4;
const WITHIN: u16 = GROSS + COLUMNS.len() as u16;
const BALANCE: u16 = WITHIN + 1;
const LATE: u16 = BALANCE + 1;
/// The row of the opening balance, below the header.
const OPENING: u32 = 1;

impl Statement {
    /// Writes it as XLSX: real numbers and dates, a frozen header, totals as formulas that carry their results.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn write_xlsx(&self, out: &mut dyn Write) -> Result<(), ReportError> {
        let bytes = self.workbook().map_err(|error| ReportError::Workbook(error.to_string()))?;
        Ok(out.write_all(&bytes)?)
    }

    fn workbook(&self) -> Result<Vec<u8>, XlsxError> {
        let mut book = Workbook::new();
        let title = format!("Statement of {}, {}", self.merchant_id, self.period);
        // the day of the statement, not of the writing: the same books give the same file
        let made = date(self.last)?;
        book.set_properties(&DocProperties::new().set_title(title).set_creation_datetime(&made));
        self.summary(book.add_worksheet())?;
        for section in &self.currencies {
            self.movements(book.add_worksheet(), section)?;
        }
        book.save_to_buffer()
    }

    fn summary(&self, sheet: &mut Worksheet) -> Result<(), XlsxError> {
        page(sheet, self)?;
        sheet.set_name("Summary")?;
        let strong = Format::new().set_bold();
        sheet.write_with_format(0, 0, "Merchant statement", &Format::new().set_bold().set_font_size(16))?;
        let name = self.merchant_name.as_deref().map_or(String::new(), |name| format!("  {name}"));
        let of = [
            ("Market", self.market.clone()),
            ("Merchant", format!("{}{name}", self.merchant_id)),
            ("Period", format!("{}: {} to {}", self.period, self.first, self.last)),
            ("Time zone", self.time_zone.clone()),
        ];
        for (row, (label, value)) in (1..).zip(of) {
            sheet.write_with_format(row, 0, label, &strong)?.write(row, 1, value)?;
        }
        let head = [
            "Currency",
            "",
            "Balance",
            "Pending",
            "Available",
            "Held",
            "Reserve",
            "In transit",
            "Escrow (beside)",
            "Deposit (beside)",
        ];
        for (column, label) in (0..).zip(head) {
            let format = if column < 2 { header() } else { header().set_align(FormatAlign::Right) };
            sheet.write_with_format(6, column, label, &format)?;
        }
        let mut row = 7;
        for section in &self.currencies {
            let amount = amount(section.currency.digits());
            for (label, standing) in [("Opening", section.opening), ("Closing", section.closing)] {
                sheet.write(row, 0, section.currency.as_str())?.write(row, 1, label)?;
                for (column, money) in (2..).zip(standing.all()) {
                    sheet.write_with_format(row, column, number(money), &amount)?;
                }
                row += 1;
            }
            let total = closing_row(section);
            let cell = format!("='{}'!{}", section.currency, cell(total, BALANCE));
            let formula = Formula::new(cell).set_result(decimal(section.closing.balance));
            sheet.write(row, 1, "Closing by the movements")?;
            sheet.write_formula_with_format(row, 2, formula, &amount)?;
            row += 1;
        }
        sheet.write(row + 1, 0, "Balance = pending + available + held + reserve + in transit. Escrow and deposit stand beside it.")?;
        sheet.set_column_width(0, 12)?.set_column_width(1, 26)?.set_column_range_width(2, 9, 17)?;
        Ok(())
    }

    fn movements(&self, sheet: &mut Worksheet, section: &Section) -> Result<(), XlsxError> {
        page(sheet, self)?;
        sheet.set_name(section.currency.as_str())?.set_freeze_panes(1, 0)?;
        sheet.set_repeat_rows(0, 0)?;
        for (column, label) in (0..).zip(HEAD) {
            if (GROSS..=BALANCE).contains(&column) {
                let format = header().set_text_wrap().set_align(FormatAlign::Right);
                sheet.write_with_format(0, column, format!("{label} {}", section.currency), &format)?;
            } else {
                sheet.write_with_format(
                    0,
                    column,
                    label,
                    &header().set_text_wrap().set_indent(u8::from(column == LATE)),
                )?;
            }
        }
        sheet.set_row_height(0, 30)?;
        let day = Format::new().set_num_format("yyyy-mm-dd").set_align(FormatAlign::Left);
        let amount = amount(section.currency.digits());
        let (strong, strong_amount) = (Format::new().set_bold(), amount.clone().set_bold());
        sheet.write_datetime_with_format(OPENING, 0, date(self.first)?, &day)?;
        sheet.write_with_format(OPENING, 1, "Opening balance", &strong)?;
        sheet.write_with_format(OPENING, BALANCE, number(section.opening.balance), &strong_amount)?;
        let mut row = OPENING;
        for movement in &section.movements {
            row += 1;
            sheet.write_datetime_with_format(row, 0, date(movement.day)?, &day)?;
            sheet.write(row, 1, movement.what)?;
            sheet.write(row, 2, movement.order.as_deref().unwrap_or_default())?;
            sheet.write(row, 3, movement.reference.as_deref().unwrap_or_default())?;
            let amounts = movement.amounts.all().into_iter().chain([movement.within]);
            for (column, money) in (GROSS..).zip(amounts).filter(|(_, money)| !money.is_zero()) {
                sheet.write_with_format(row, column, number(money), &amount)?;
            }
            sheet.write_with_format(row, BALANCE, number(movement.balance), &amount)?;
            if let Some(late) = movement.late_of {
                sheet.write_datetime_with_format(row, LATE, date(late)?, &day.clone().set_indent(1))?;
            }
        }
        let (last, total, closing) = (row, closing_row(section) - 1, closing_row(section));
        let line = Format::new().set_bold().set_border_top(FormatBorder::Thin);
        let line_amount = strong_amount.set_border_top(FormatBorder::Thin);
        for column in 0..=LATE {
            sheet.write_blank(total, column, &line)?;
        }
        sheet.write_with_format(total, 1, "Total", &line)?;
        for (column, money) in (GROSS..).zip(section.totals.all()) {
            let sum = format!("=SUM({}:{})", cell(OPENING, column), cell(last, column));
            sheet.write_formula_with_format(
                total,
                column,
                Formula::new(sum).set_result(decimal(money)),
                &line_amount,
            )?;
        }
        sheet.write_datetime_with_format(closing, 0, date(self.last)?, &day)?;
        sheet.write_with_format(closing, 1, "Closing balance", &strong)?;
        let sum =
            format!("={}+SUM({}:{})", cell(OPENING, BALANCE), cell(total, GROSS), cell(total, WITHIN - 1));
        let result = decimal(section.closing.balance);
        sheet.write_formula_with_format(
            closing,
            BALANCE,
            Formula::new(sum).set_result(result),
            &line_amount,
        )?;
        if !section.movements.is_empty() {
            sheet.autofilter(0, 0, last, LATE)?;
        }
        let longest = |of: fn(&Movement) -> Option<&str>| {
            let longest = section.movements.iter().filter_map(of).map(str::len).max().unwrap_or(0);
            (longest as f64 + 2.0).clamp(12.0, 40.0)
        };
        sheet.set_column_width(0, 12)?.set_column_width(1, 24)?;
        sheet.set_column_width(2, longest(|m| m.order.as_deref()))?;
        sheet.set_column_width(3, longest(|m| m.reference.as_deref()))?;
        sheet.set_column_range_width(GROSS, BALANCE, 14)?.set_column_width(LATE, 14)?;
        Ok(())
    }
}

impl Standing {
    /// What stands, in the order in which it is shown.
    #[must_use]
    pub const fn all(&self) -> [Money; 8] {
        [
            self.balance,
            self.pending,
            self.available,
            self.held,
            self.reserve,
            self.in_transit,
            self.escrow,
            self.deposit,
        ]
    }
}

/// The row of the closing balance: below the movements and their total.
fn closing_row(section: &Section) -> u32 {
    OPENING + u32::try_from(section.movements.len()).unwrap_or(u32::MAX - 4) + 2
}

/// Landscape A4, as wide as the page, with the number of each page.
fn page(sheet: &mut Worksheet, statement: &Statement) -> Result<(), XlsxError> {
    // & begins a code in a footer
    let merchant = statement.merchant_id.replace('&', "&&");
    sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
    sheet.set_footer(format!("&L{merchant}  {}&R&P / &N", statement.period));
    Ok(())
}

fn header() -> Format {
    Format::new()
        .set_bold()
        .set_background_color(Color::RGB(0x00E8_ECF1))
        .set_border_bottom(FormatBorder::Thin)
        .set_align(FormatAlign::VerticalCenter)
}

fn amount(digits: u32) -> Format {
    let decimals = if digits == 0 { String::new() } else { format!(".{}", "0".repeat(digits as usize)) };
    Format::new().set_num_format(format!("#,##0{decimals};-#,##0{decimals}"))
}

fn date(day: NaiveDate) -> Result<ExcelDateTime, XlsxError> {
    let year = u16::try_from(day.year()).unwrap_or(9999);
    ExcelDateTime::from_ymd(year, day.month() as u8, day.day() as u8)
}

/// The name of a cell: `E12`.
fn cell(row: u32, column: u16) -> String {
    format!("{}{}", char::from(b'A' + column as u8), row + 1)
}

fn decimal(money: Money) -> String {
    Decimals { minor: money.minor, digits: money.currency.digits() }.to_string()
}

/// A workbook knows no decimals: its numbers are floats of 15 digits, which hold every amount to its minor unit.
/// The amount is written from its decimal text; nothing is reckoned with it here.
fn number(money: Money) -> f64 {
    decimal(money).parse().unwrap_or(f64::NAN)
}
