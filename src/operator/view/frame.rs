//! The frame around every view, and the elements of views.

use std::time::Duration;

use form_urlencoded::Serializer;
use maud::{DOCTYPE, Markup, html};

use crate::clock::UnixTime;
use crate::health::span;
use crate::operator::asked::Asked;

/// The views linked in the head of each page.
const VIEWS: [(&str, &str); 4] = [
    ("/", "Endpoints"),
    ("/deliveries", "Deliveries"),
    ("/dead", "Dead letters"),
    ("/queue", "Queues"),
];

/// A whole page. `view` is the view that it belongs to, if any.
pub(in crate::operator) fn page(
    asked: &Asked,
    view: &str,
    title: &Markup,
    body: &Markup,
) -> Markup {
    let current = |path: &str| (path == view).then_some("page");
    // The answer to a form is not a view that could be requested again.
    let live = link(asked, "/live", &[("since", &asked.seen.to_string())]);
    let live = Some(live).filter(|_| !view.is_empty());
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { "Webhooks" }
                link rel="stylesheet" href=(asked.path("/page.css"));
                script src=(asked.path("/page.js")) defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    p { "Webhooks" }
                    nav aria-label="Views" {
                        ul {
                            @for (path, name) in VIEWS {
                                li { a href=(asked.path(path)) aria-current=[current(path)] { (name) } }
                            }
                        }
                    }
                }
                main #main tabindex="-1" data-live=[live] {
                    h1 { (title) }
                    (body)
                }
                footer {
                    p { "All times are UTC. " (at(asked.now)) "." }
                }
            }
        }
    }
}

/// A link to a view with these parameters.
pub(in crate::operator) fn link(asked: &Asked, path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    let (path, query) = (asked.path(path), query.finish());
    if query.is_empty() {
        path
    } else {
        format!("{path}?{query}")
    }
}

/// A point in time.
pub(in crate::operator) fn at(time: UnixTime) -> Markup {
    let text = UnixTime::from_secs(time.as_micros() / 1_000_000).to_rfc3339();
    let shown = text.replace('T', " ").replace('Z', "");
    html! { time datetime=(text) { (shown) } }
}

/// A point in time, and how long ago or ahead it is.
pub(in crate::operator) fn when(time: UnixTime, now: UnixTime) -> Markup {
    let words = match time <= now {
        true => format!("{} ago", span(now.saturating_since(time))),
        false => format!("in {}", span(time.saturating_since(now))),
    };
    html! { (at(time)) " " span.faint { "(" (words) ")" } }
}

/// How long something took.
pub(in crate::operator) fn took(span: Duration) -> String {
    match span.as_micros() {
        micros @ 0..1_000 => format!("{micros} µs"),
        micros @ 1_000..10_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{} s", span.as_secs()),
    }
}

/// A table. It is read as one even if it is folded.
pub(in crate::operator) fn table(caption: &str, columns: &[&str], rows: &[Markup]) -> Markup {
    html! {
        table role="table" {
            caption { (caption) }
            thead role="rowgroup" { tr role="row" {
                @for column in columns { th role="columnheader" scope="col" { (column) } }
            } }
            tbody role="rowgroup" {
                @for row in rows { tr role="row" { (row) } }
            }
        }
    }
}

/// A cell, with the name of its column for the folded table.
pub(in crate::operator) fn cell(column: &str, content: &Markup) -> Markup {
    html! { td role="cell" data-label=(column) { div { (content) } } }
}

/// One fact.
pub(in crate::operator) fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// A part that is not shown, and why.
pub(in crate::operator) fn off(title: &str, why: &str) -> Markup {
    html! { section.off { h2 { (title) } p { (why) } } }
}

/// A part that could not be read.
pub(in crate::operator) fn failed(what: &str, error: &str) -> Markup {
    html! {
        section.message.wrong role="status" {
            h2 { (what) " cannot be read" }
            p { (super::super::shown::short(error)) }
        }
    }
}
