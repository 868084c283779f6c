//! Templates: text with `{{name}}` where a value goes.

/// What goes into a page.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// Text from anywhere: what means something in HTML is escaped.
    Text(&'a str),
    /// HTML of our own making.
    Html(&'a str),
}

/// A template that can't be filled in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It asks for a value that there is not.
    #[error("no value for {{{{{name}}}}}")]
    NoValue {
        /// What it asks for.
        name: String,
    },
    /// A `{{` has no `}}`.
    #[error("the {{{{ at byte {offset_bytes} has no }}}}")]
    Unclosed {
        /// Where it is.
        offset_bytes: usize,
    },
}

/// Puts `values` where `template` names them.
pub fn render(template: &str, values: &[(&str, Value<'_>)]) -> Result<String, TemplateError> {
    let mut page = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let offset_bytes = template.len() - after.len() - 2;
        let closed = after.split_once("}}");
        let (name, after) = closed.ok_or(TemplateError::Unclosed { offset_bytes })?;
        page += before;
        push(&mut page, find(name, values)?);
        rest = after;
    }
    page += rest;
    Ok(page)
}

fn find<'a>(name: &str, values: &[(&str, Value<'a>)]) -> Result<Value<'a>, TemplateError> {
    let found = values.iter().find(|(key, _)| *key == name);
    found.map(|(_, value)| *value).ok_or_else(|| TemplateError::NoValue { name: name.to_owned() })
}

fn push(page: &mut String, value: Value<'_>) {
    match value {
        Value::Html(html) => *page += html,
        Value::Text(text) => text.chars().for_each(|char| match char {
            '&' => *page += "&amp;",
            '<' => *page += "&lt;",
            '>' => *page += "&gt;",
            '"' => *page += "&quot;",
            '\'' => *page += "&#39;",
            char => page.push(char),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{TemplateError, Value, render};

    #[test]
    fn text_is_escaped_and_html_is_not() {
        let values = [("a", Value::Text("<b>&\"'")), ("b", Value::Html("<i>"))];
        let page = render("{{a}}-{{b}}-{{a}}.", &values).unwrap();
        assert_eq!(page, "&lt;b&gt;&amp;&quot;&#39;-<i>-&lt;b&gt;&amp;&quot;&#39;.");
    }

    #[test]
    fn values_are_not_templates() {
        let page = render("{{a}}", &[("a", Value::Text("{{a}}"))]).unwrap();
        assert_eq!(page, "{{a}}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = render("ab{{c}}", &[]).unwrap_err();
        assert_eq!(error.to_string(), "no value for {{c}}");
        assert_eq!(render("ab{{c", &[]), Err(TemplateError::Unclosed { offset_bytes: 2 }));
    }
}
