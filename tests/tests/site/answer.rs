//! A request, and the answer to it with all of its header fields.

use std::fmt;

use holdall_tests::http::Response;

/// What was asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a str,
    /// The target, as it stands in the request line.
    pub target: &'a str,
    /// More lines of the head.
    pub fields: &'a [&'a str],
}

/// What was answered.
#[derive(Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values, in the order in which they came.
    pub fields: Vec<(String, String)>,
    /// The content.
    pub body: Vec<u8>,
}

impl Asked<'_> {
    /// The value of the first field of this name, in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter().filter_map(|line| line.split_once(':'));
        let found = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }

    /// The same with another method.
    pub fn with_method<'a>(&'a self, method: &'a str) -> Asked<'a> {
        Asked { method, ..*self }
    }

    /// The bytes of the request.
    pub fn head(&self) -> String {
        let fields: String = self.fields.iter().map(|line| format!("{line}\r\n")).collect();
        format!("{} {} HTTP/1.1\r\nhost: test\r\n{fields}\r\n", self.method, self.target)
    }
}

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.target.get(..100).unwrap_or(self.target);
        write!(f, "{} {target} {:?}", self.method, self.fields)
    }
}

impl Answer {
    /// All values of a field.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.fields.iter().filter(|(field, _)| field == name);
        fields.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a field.
    ///
    /// # Panics
    /// If there is more than one.
    pub fn header(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() <= 1, "{name} is there {} times: {self:?}", values.len());
        values.first().copied()
    }

    /// Whether a field that is a list has this member.
    pub fn lists(&self, name: &str, member: &str) -> bool {
        let values = self.all(name);
        let mut members = values.iter().flat_map(|value| value.split(','));
        members.any(|it| it.trim().eq_ignore_ascii_case(member))
    }

    /// The entity tag.
    pub fn etag(&self) -> &str {
        self.header("etag").unwrap_or_else(|| panic!("no ETag: {self:?}"))
    }

    /// The content as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// All fields but the date, sorted.
    pub fn lasting_fields(&self) -> Vec<&(String, String)> {
        let lasts = |(name, _): &&(String, String)| name != "date" && name != "x-request-id";
        let mut fields: Vec<_> = self.fields.iter().filter(lasts).collect();
        fields.sort();
        fields
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no field: {line}"));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        let fields = response.head.lines().map(field).collect();
        Self { status: response.status, fields, body: response.body }
    }
}

impl fmt::Debug for Answer {
    /// Without most of a long content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = &self.body[..self.body.len().min(80)];
        writeln!(f, "{}, {} bytes: {}", self.status, self.body.len(), start.escape_ascii())?;
        self.fields.iter().try_for_each(|(name, value)| writeln!(f, "  {name}: {value}"))
    }
}
