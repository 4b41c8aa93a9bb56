//! The way to read a single log: a form whose answer the one-machine binary
//! gives under `POST /drop`.

use maud::{Markup, html};

use super::reader::Reader;
use super::text;

/// The form.
pub(super) fn page(reader: &Reader) -> Markup {
    let lang = reader.lang;
    html! {
        h1 { (text::DROP_TITLE.of(lang)) }
        p.lead { (text::DROP_HINT.of(lang)) }
        form.drop action="/drop" method="post" enctype="multipart/form-data" {
            label for="files" { (text::DROP_FILE.of(lang)) }
            input #files type="file" name="file" multiple required;
            button type="submit" { (text::DROP_SEND.of(lang)) }
        }
    }
}
