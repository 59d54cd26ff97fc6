//! The page's HTML.

use std::cmp::Ordering;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Branch, Grid, Page, Part, picture};
use crate::ReportError;

const STYLE: &str = include_str!("page.css");
/// Nothing is loaded and nothing is run.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// A table of more columns stands below its picture, not beside it.
const WIDE: usize = 8;

pub(super) fn page(page: &Page) -> Result<String, ReportError> {
    let parts = page.parts.iter().map(part).collect::<Result<Vec<Markup>, _>>()?;
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (page.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (page.title) }
                    dl.facts {
                        @for (name, value) in &page.facts {
                            div { dt { (name) } dd { (value) } }
                        }
                    }
                    nav aria-label="Contents" {
                        ul {
                            @for part in &page.parts {
                                li { a href={ "#" (part.id) } { (part.title) } }
                            }
                        }
                    }
                }
                main {
                    @if let Some(root) = &page.tree {
                        section.tree aria-label="What it is made of" { ul { (branch(root)) } }
                    }
                    @for part in &parts { (part) }
                }
            }
        }
    };
    Ok(markup.into_string())
}

fn branch(of: &Branch) -> Markup {
    html! {
        li {
            div.figure {
                @if !of.sign.is_empty() { span.sign { (of.sign) } }
                span.name { (of.name) }
                span.value { (of.value) }
                @if let Some(before) = &of.before { span.before { "before " (before) } }
                @if let Some(change) = &of.change {
                    span class={ "change" (way(change.way)) } { (change.text) }
                }
            }
            @if !of.branches.is_empty() {
                ul { @for of in &of.branches { (branch(of)) } }
            }
        }
    }
}

fn way(of: Ordering) -> &'static str {
    match of {
        Ordering::Greater => " up",
        Ordering::Equal => "",
        Ordering::Less => " down",
    }
}

fn part(part: &Part) -> Result<Markup, ReportError> {
    let drawn = match &part.picture {
        None => None,
        Some(picture) => picture::draw(picture)?.map(|svg| (&picture.title, svg)),
    };
    Ok(html! {
        section id=(part.id) {
            h2 { (part.title) }
            @if !part.note.is_empty() { p.note { (part.note) } }
            div.part.wide[part.grid.columns.len() > WIDE] {
                @if let Some((title, svg)) = &drawn {
                    figure role="img" aria-label=(title) {
                        (PreEscaped(svg))
                        figcaption { (title) }
                    }
                }
                @if part.folded {
                    details {
                        summary { "Figures" }
                        (grid(&part.grid, &part.title))
                    }
                } @else {
                    (grid(&part.grid, &part.title))
                }
            }
        }
    })
}

/// Bytes of a row's name that stays in one line on paper: a day has as many, and a hyphen in it is no place to break.
const SHORT: usize = 10;

fn grid(grid: &Grid, title: &str) -> Markup {
    html! {
        div.scroll role="region" tabindex="0" aria-label={ "Figures: " (title) } {
            table {
                thead {
                    tr {
                        @for (name, number) in &grid.columns {
                            th scope="col" class=[number.then_some("number")] { (name) }
                        }
                    }
                }
                tbody {
                    @for row in &grid.rows {
                        tr {
                            @for (at, ((_, number), cell)) in grid.columns.iter().zip(row).enumerate() {
                                @if at == 0 {
                                    th scope="row" class=[(cell.len() <= SHORT).then_some("short")] { (cell) }
                                } @else {
                                    td class=[number.then_some("number")] { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
