//! A statement as a page to print: one file, nothing loaded from elsewhere.

use std::fmt::{self, Display, Write as _};
use std::io::Write;

use daybook_domain::Money;

use super::{Section, Statement};
use crate::ReportError;
use crate::amount::Decimals;

const STYLE: &str = include_str!("statement.css");

impl Statement {
    /// Writes it as HTML that prints on A4, with the number of each page.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn write_html(&self, out: &mut dyn Write) -> Result<(), ReportError> {
        let text = self.html().map_err(|_| std::io::Error::other("the page could not be put together"))?;
        Ok(out.write_all(text.as_bytes())?)
    }

    fn html(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        let title = format!("Statement {} {}", self.merchant_id, self.period);
        let style = STYLE.replace("/*footer*/", &css_text(&format!("{}  {}", self.merchant_id, self.period)));
        write!(
            page,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{}</title>\n<style>\n{style}</style>\n\
             </head>\n<body>\n<header>\n<h1>Merchant statement</h1>\n<dl>\n",
            Escaped(&title)
        )?;
        let days = format!("{} to {} ({})", self.first, self.last, self.time_zone);
        let name = self.merchant_name.as_deref().unwrap_or_default();
        let of = [
            ("Market", self.market.as_str()),
            ("Merchant", &self.merchant_id),
            ("", name),
            ("Period", &days),
        ];
        for (label, value) in of.into_iter().filter(|(_, value)| !value.is_empty()) {
            writeln!(page, "<dt>{label}</dt><dd>{}</dd>", Escaped(value))?;
        }
        page.push_str("</dl>\n</header>\n");
        for section in &self.currencies {
            write_section(&mut page, section)?;
        }
        writeln!(
            page,
            "<footer>\n<p>Balance: what the market owes the merchant (pending, available, held, reserve and in transit). \
             Escrow and deposit stand beside it. Settlements, payouts asked for, holds and reserves move money within the \
             balance and leave it as it is. &#8224; happened in an earlier period and is booked in this one.</p>\n\
             <p>Drawn from the books through event {}.</p>\n</footer>\n</body>\n</html>",
            self.position
        )?;
        Ok(page)
    }
}

fn write_section(page: &mut String, section: &Section) -> fmt::Result {
    writeln!(page, "<section>\n<h2>{}</h2>\n<table class=\"standing\">", section.currency)?;
    page.push_str(
        "<thead><tr><th></th><th>Balance</th><th>Pending</th><th>Available</th><th>Held</th><th>Reserve</th>\
         <th>In transit</th><th class=\"beside\">Escrow</th><th class=\"beside\">Deposit</th></tr></thead>\n<tbody>\n",
    );
    for (label, standing) in [("Opening", section.opening), ("Closing", section.closing)] {
        write!(page, "<tr><th>{label}</th>")?;
        for (at, money) in standing.all().into_iter().enumerate() {
            let class = if at >= 6 { " class=\"beside\"" } else { "" };
            write!(page, "<td{class}>{}</td>", Grouped(money))?;
        }
        page.push_str("</tr>\n");
    }
    page.push_str(
        "</tbody>\n</table>\n<table class=\"movements\">\n<thead><tr><th>Date</th><th>Event</th><th>Order, reference</th>\
         <th>Gross</th><th>Commission</th><th>Refund</th><th>Fee</th><th>Other</th><th>Paid out</th><th>Within</th>\
         <th>Balance</th></tr></thead>\n<tbody>\n",
    );
    let opening = Grouped(section.opening.balance);
    writeln!(
        page,
        "<tr class=\"sum\"><td></td><td>Opening balance</td><td></td>{}<td>{opening}</td></tr>",
        "<td></td>".repeat(7)
    )?;
    for movement in &section.movements {
        let late = movement
            .late_of
            .map_or(String::new(), |day| format!(" <span class=\"late\">&#8224; {day}</span>"));
        let concerns = [movement.order.as_deref(), movement.reference.as_deref()];
        let concerns: Vec<&str> = concerns.into_iter().flatten().collect();
        let class = if movement.amounts.sum().is_zero() { " class=\"within\"" } else { "" };
        write!(
            page,
            "<tr{class}><td>{}</td><td>{}{late}</td><td class=\"id\">{}</td>",
            movement.day,
            Escaped(movement.what),
            Escaped(&concerns.join(", "))
        )?;
        for money in movement.amounts.all().into_iter().chain([movement.within]) {
            if money.is_zero() {
                page.push_str("<td></td>")
            } else {
                write!(page, "<td>{}</td>", Grouped(money))?
            }
        }
        writeln!(page, "<td>{}</td></tr>", Grouped(movement.balance))?;
    }
    page.push_str("</tbody>\n<tbody class=\"end\">\n<tr class=\"sum\"><td></td><td>Total</td><td></td>");
    for money in section.totals.all() {
        write!(page, "<td>{}</td>", Grouped(money))?;
    }
    page.push_str("<td></td><td></td></tr>\n");
    let closing = Grouped(section.closing.balance);
    writeln!(
        page,
        "<tr class=\"sum\"><td></td><td>Closing balance</td><td></td>{}<td>{closing}</td></tr>\n</tbody>\n</table>\n</section>",
        "<td></td>".repeat(7)
    )
}

/// Text between tags and in attributes.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            c => f.write_char(c),
        })
    }
}

/// Text within a string of CSS: all but letters and digits by their numbers, so that no id can end it.
fn css_text(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else {
            let _ = write!(out, "\\{:06x}", u32::from(c));
        }
        out
    })
}

/// An amount with its digits in groups of three.
struct Grouped(Money);

impl Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Decimals { minor: self.0.minor, digits: self.0.currency.digits() }.to_string();
        let (sign, rest) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("\u{2212}", rest));
        let (whole, part) = rest.split_once('.').map_or((rest, ""), |(whole, part)| (whole, part));
        f.write_str(sign)?;
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        if part.is_empty() { Ok(()) } else { write!(f, ".{part}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daybook_domain::Currency;

    #[test]
    fn nothing_that_an_id_or_a_name_holds_becomes_markup() {
        assert_eq!(Escaped("<b>\"R&D\"").to_string(), "&lt;b&gt;&quot;R&amp;D&quot;");
        assert_eq!(css_text("a\"</style>"), "a\\000022\\00003c\\00002fstyle\\00003e");
    }

    #[test]
    fn amounts_are_grouped_by_three() {
        let shown = |minor, code| Grouped(Money::new(minor, Currency::new(code).expect("known"))).to_string();
        assert_eq!(shown(-123_456_789, "CNY"), "\u{2212}1,234,567.89");
        assert_eq!(shown(999, "JPY"), "999");
        assert_eq!(shown(100_000, "JPY"), "100,000");
    }
}
