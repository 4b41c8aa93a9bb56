//! Files out of a browser's form, which sends them as `multipart/form-data`
//! (RFC 7578), whole and bounded in memory already.

use axum::body::Bytes;
use memchr::memmem;

/// Most files of one form.
const MAX_FILES: usize = 16;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upload {
    /// Name as the browser sent it: hostile.
    pub(crate) name: String,
    /// Content.
    pub(crate) content: Bytes,
}

/// A form that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UploadError {
    /// The request says no boundary, or one that cannot be.
    #[error("the form names no boundary")]
    Boundary,
    /// A part is cut or has no head.
    #[error("the form is cut off")]
    Cut,
    /// More files than are read at once.
    #[error("more than {MAX_FILES} files at once")]
    TooMany,
}

/// Whether a request carries a form with files.
pub(crate) fn is_form(content_type: &str) -> bool {
    content_type
        .trim_start()
        .to_ascii_lowercase()
        .starts_with("multipart/form-data")
}

/// The files of a form; fields without a file name are left out.
pub(crate) fn files(content_type: &str, body: &Bytes) -> Result<Vec<Upload>, UploadError> {
    let boundary = boundary(content_type).ok_or(UploadError::Boundary)?;
    let delimiter = format!("\r\n--{boundary}");
    // The first delimiter has no line end before it.
    let opening = &delimiter.as_bytes()[2..];
    let mut at = match body.get(..opening.len()) {
        Some(start) if start == opening => opening.len(),
        _ => return Err(UploadError::Cut),
    };
    let finder = memmem::Finder::new(delimiter.as_bytes());
    let mut files = Vec::new();
    loop {
        let rest = &body[at..];
        if rest.starts_with(b"--") {
            return Ok(files);
        }
        let head_len = memmem::find(rest, b"\r\n\r\n").ok_or(UploadError::Cut)?;
        let content_at = at + head_len + 4;
        let content_len = finder.find(&body[content_at..]).ok_or(UploadError::Cut)?;
        if let Some(name) = file_name(&rest[..head_len]) {
            if files.len() == MAX_FILES {
                return Err(UploadError::TooMany);
            }
            files.push(Upload {
                name,
                content: body.slice(content_at..content_at + content_len),
            });
        }
        at = content_at + content_len + delimiter.len();
    }
}

fn boundary(content_type: &str) -> Option<&str> {
    let (_, value) = content_type.split_once("boundary=")?;
    let value = value.split(';').next()?.trim().trim_matches('"');
    (!value.is_empty() && value.len() <= 70).then_some(value)
}

fn file_name(head: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let (_, rest) = head.split_once("filename=\"")?;
    let name = rest.split('"').next()?;
    // A form without a chosen file sends an empty name.
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=----x";

    fn form(parts: &[(&str, &str)]) -> Bytes {
        let parts = parts.iter().map(|(head, content)| {
            format!("------x\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
        });
        let body: String = parts.chain(["------x--\r\n".to_owned()]).collect();
        body.into()
    }

    #[test]
    fn files_come_out_as_they_went_in() {
        let body = form(&[
            ("name=\"lang\"", "zh"),
            ("name=\"file\"; filename=\"CBS.log\"", "a\r\n\r\n--b\r\n"),
            ("name=\"file\"; filename=\"\"", ""),
        ]);
        let found = files(KIND, &body).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, "CBS.log");
        assert_eq!(&found[0].content[..], b"a\r\n\r\n--b\r\n");
    }

    #[test]
    fn no_cut_of_a_form_is_taken_for_a_whole_one_or_panics() {
        let body = form(&[("name=\"file\"; filename=\"CBS.log\"", "content")]);
        let whole = body.len() - 4;
        for len in 0..whole {
            assert!(files(KIND, &body.slice(..len)).is_err(), "{len}");
        }
    }

    #[test]
    fn a_form_of_too_many_files_is_refused() {
        let part = ("name=\"file\"; filename=\"a\"", "x");
        let body = form(&[part; MAX_FILES + 1]);
        assert_eq!(files(KIND, &body), Err(UploadError::TooMany));
    }
}
