//! A page is laid out from texts and lengths: every text is shown as it is, and pictures are drawn where there is something to see.

#![allow(clippy::unwrap_used)] // a test may fail here

use std::cmp::Ordering;

use daybook_reports::page::{Branch, Change, Drawn, Grid, Page, Part, Picture, Step};

const NAME: &str = "<b onclick=\"x\">&'co";
const SHOWN: &str = "&lt;b onclick=";

fn part(id: &'static str, drawn: Option<Drawn>) -> Part {
    Part {
        id,
        title: NAME.to_owned(),
        note: NAME.to_owned(),
        picture: drawn.map(|drawn| Picture { title: NAME.to_owned(), drawn }),
        grid: Grid {
            columns: vec![(NAME.to_owned(), false), ("n".to_owned(), true)],
            rows: vec![vec![NAME.to_owned(), "1".to_owned()]],
        },
        folded: id == "lines",
    }
}

fn html(page: &Page) -> String {
    let mut out = Vec::new();
    page.write_html(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn page() -> Page {
    let leaf = Branch { sign: "×", name: NAME.to_owned(), value: NAME.to_owned(), ..Branch::default() };
    let root = Branch {
        before: Some(NAME.to_owned()),
        change: Some(Change { text: NAME.to_owned(), way: Ordering::Less }),
        branches: vec![leaf.clone()],
        ..leaf
    };
    let name = || NAME.to_owned();
    Page {
        title: name(),
        facts: vec![("Of", name())],
        tree: Some(root),
        parts: vec![
            part("bars", Some(Drawn::Bars(vec![(name(), 3.0), (name(), 1.0)]))),
            part(
                "steps",
                Some(Drawn::Steps(vec![
                    (name(), Step::From(2.0)),
                    (name(), Step::By(-1.0)),
                    (name(), Step::Total),
                ])),
            ),
            part(
                "lines",
                Some(Drawn::Lines {
                    names: vec![name(), name()],
                    lines: vec![(name(), vec![Some(1.0), None]), (name(), vec![Some(2.0), Some(0.5)])],
                }),
            ),
            part("none", None),
        ],
    }
}

#[test]
fn no_text_becomes_markup_in_the_page_or_in_a_picture() {
    let html = html(&page());
    assert_eq!(html.matches("<b").count(), 1, "the body alone");
    assert!(html.contains("aria-label=\"&lt;b onclick=&quot;x&quot;&gt;"), "no quote ends an attribute");
    // title twice, contents, tree, headings, notes, pictures' names, columns and cells
    assert!(html.matches(SHOWN).count() > 30, "{}", html.matches(SHOWN).count());
    for drawn in ["bars", "steps", "lines"] {
        let section = html.split(&format!("id=\"{drawn}\"")).nth(1).unwrap();
        let svg = section.split("<svg").nth(1).unwrap().split("</svg>").next().unwrap();
        assert!(svg.contains("&lt;b"), "{drawn} names what it draws");
    }
    assert_eq!(html.matches("<figure").count(), 3);
    assert_eq!(html.matches("<details").count(), 1);
}

#[test]
fn nothing_is_drawn_of_nothing() {
    let nothing = [
        Drawn::Bars(vec![]),
        Drawn::Bars(vec![("a".to_owned(), 0.0)]),
        Drawn::Steps(vec![("a".to_owned(), Step::From(0.0)), ("b".to_owned(), Step::Total)]),
        Drawn::Lines { names: vec!["a".to_owned()], lines: vec![("l".to_owned(), vec![Some(1.0)])] },
        Drawn::Lines {
            names: vec!["a".to_owned(), "b".to_owned()],
            lines: vec![("l".to_owned(), vec![None, Some(0.0)])],
        },
    ];
    let page = Page { parts: nothing.map(|drawn| part("p", Some(drawn))).to_vec(), ..Page::default() };
    let html = html(&page);
    assert!(!html.contains("<figure") && html.matches("<table>").count() == 5);
}

#[test]
fn a_length_is_drawn_as_a_part_of_the_longest_and_no_other_number_stands_in_a_picture() {
    let of = |longest: f64| {
        let bars = Drawn::Bars(vec![("a".to_owned(), longest), ("b".to_owned(), longest / 4.0)]);
        html(&Page { parts: vec![part("bars", Some(bars))], ..Page::default() })
    };
    // cents of billions are beyond what a picture's numbers hold
    assert_eq!(of(1_234_567_890.12), of(4.0));
    assert!(of(4.0).contains("data-value=\"250\"") || of(4.0).contains("250"));
}

#[test]
fn every_color_that_is_drawn_has_its_color_by_night() {
    let html = html(&page());
    let (style, body) = html.split_once("</style>").unwrap();
    for attribute in ["fill", "stroke"] {
        for color in body.split(&format!("{attribute}=\"#")).skip(1) {
            let color = color.split('"').next().unwrap();
            assert!(style.contains(&format!("[{attribute}=\"#{color}\"]")), "{attribute} #{color}");
        }
    }
}
