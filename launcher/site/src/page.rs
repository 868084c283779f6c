//! A resource as it is served at a path: its representations, with their headers.

use std::cell::OnceCell;

use holdall_resources::{Coding, Error, Resource};
use http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL,
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES,
    HeaderMap, HeaderName, HeaderValue, VARY,
};

use crate::content::{Content, SMALL};
use crate::cors::Cors;
use crate::memory;
use crate::rules::Rules;

/// A resource at a path.
#[derive(Debug)]
pub(crate) struct Page {
    /// As it is first, then encoded.
    pub representations: Vec<Representation>,
}

/// One way to send a resource.
#[derive(Debug)]
pub(crate) struct Representation {
    pub coding: Option<Coding>,
    /// In bytes.
    pub size: u64,
    pub etag: HeaderValue,
    /// Those of an answer with all of it.
    pub headers: HeaderMap,
    /// Those of a 304.
    pub kept: HeaderMap,
    /// Those of a 206: its values are put in each time, for which the map then need not grow.
    partial: OnceCell<HeaderMap>,
    content: Content,
    /// What was small enough to be inflated once, and not each time.
    held: OnceCell<Content>,
}

/// About what a representation takes besides its content.
const WEIGHT: usize = 3072;

/// Hexadecimal digits of the content's digest in an entity tag: half of them are enough.
const ETAG_DIGITS: usize = 32;

impl Page {
    /// Prepares a resource, which is checked before, so that nothing damaged is ever sent as whole.
    pub fn new(
        resource: &Resource<'static>,
        path: &str,
        rules: &Rules,
        cors: &Cors,
    ) -> Result<Self, Error> {
        if !resource.is_checked() && resource.is_mapped() {
            resource.check()?;
        }
        let digest: String = hex(&resource.digest()?);
        let mut all = vec![(None, resource.size(), Content::of(resource)?)];
        // What can't be lent from the map would have to be held.
        if resource.is_mapped() {
            for coding in Coding::ALL {
                if let Some(encoded) = resource.encoded(coding)? {
                    all.push((Some(coding), encoded.size(), Content::of_encoded(encoded)));
                }
            }
        }
        let varies = all.len() > 1;
        let base = headers(resource, path, rules, cors, varies);
        let represent =
            |(coding, size, content)| Representation::new(&base, &digest, coding, size, content);
        Ok(Self { representations: all.into_iter().map(represent).collect() })
    }

    pub fn weight(&self) -> usize {
        // What is lent from the map weighs nothing.
        let content = |one: &Representation| {
            if one.coding == Some(Coding::Gzip) && one.size <= SMALL {
                one.content.weight()
            } else {
                0
            }
        };
        self.representations.iter().map(|one| WEIGHT + content(one)).sum()
    }
}

impl Representation {
    fn new(
        base: &HeaderMap,
        digest: &str,
        coding: Option<Coding>,
        size: u64,
        content: Content,
    ) -> Self {
        let mut headers = base.clone();
        let etag = match coding {
            None => format!("\"{digest}\""),
            Some(coding) => format!("\"{digest}-{}\"", coding.name()),
        };
        // Hexadecimal digits and names of codings are fit for any header.
        let etag = HeaderValue::try_from(etag).unwrap_or(HeaderValue::from_static("\"\""));
        headers.insert(ETAG, etag.clone());
        headers.insert(CONTENT_LENGTH, size.into());
        if let Some(coding) = coding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        let kept = kept(&headers);
        let (partial, held) = (OnceCell::new(), OnceCell::new());
        Self { coding, size, etag, headers, kept, partial, content, held }
    }

    /// The headers of an answer with a part of it.
    pub fn of_part(&self) -> HeaderMap {
        let prepare = || {
            let mut headers = self.headers.clone();
            headers.insert(CONTENT_RANGE, HeaderValue::from_static(""));
            headers
        };
        self.partial.get_or_init(prepare).clone()
    }

    /// Where its bytes are.
    pub fn content(&self) -> Result<&Content, Error> {
        let Content::Stream(resource) = &self.content else { return Ok(&self.content) };
        if let Some(held) = self.held.get() {
            return Ok(held);
        }
        match self.size <= SMALL && memory::reserve(self.size as usize) {
            true => {
                let held = Content::held(resource)?;
                Ok(self.held.get_or_init(|| held))
            }
            false => Ok(&self.content),
        }
    }
}

/// What a 304 has of the headers of the 200 (RFC 9110, section 15.4.5), and what scripts of other
/// origins need to be shown it.
const KEPT: [HeaderName; 7] = [
    ETAG,
    CACHE_CONTROL,
    VARY,
    EXPIRES,
    CONTENT_LOCATION,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS,
];

fn kept(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(KEPT.len());
    for name in KEPT {
        for value in headers.get_all(&name) {
            kept.append(&name, value.clone());
        }
    }
    kept
}

/// What all representations have in common.
fn headers(
    resource: &Resource<'static>,
    path: &str,
    rules: &Rules,
    cors: &Cors,
    varies: bool,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    let media_type = HeaderValue::try_from(&*resource.media_type());
    let unknown = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, media_type.unwrap_or(unknown));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if varies {
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    cors.decorate(&mut headers);
    rules.decorate(&mut headers, path, Some(resource.name()));
    headers
}

fn hex(digest: &[u8; 32]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
    digest.iter().flat_map(digits).flatten().take(ETAG_DIGITS).collect()
}
