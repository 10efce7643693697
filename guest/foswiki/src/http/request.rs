//! A request as CGI variables.

use std::collections::BTreeMap;

use super::query;

/// A request as the web server describes it: CGI variables (RFC 3875), headers among them as `HTTP_NAME`.
#[derive(Debug, Clone, Default)]
pub struct Request {
    variables: BTreeMap<String, String>,
    params: Vec<(String, String)>,
}

impl Request {
    /// A request from its variables; of two with the same name the first counts.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Request {
        let mut request = Request::default();
        for (name, value) in variables {
            request.variables.entry(name).or_insert(value);
        }
        request.params = query::params(request.variable("QUERY_STRING"));
        request
    }

    /// A variable's value, empty where it is not set.
    pub fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    /// A header by its name as in CGI: `IF_NONE_MATCH`.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.variables
            .get(&format!("HTTP_{name}"))
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// `GET` where the web server does not say.
    pub fn method(&self) -> &str {
        Some(self.variable("REQUEST_METHOD")).filter(|method| !method.is_empty()).unwrap_or("GET")
    }

    /// URL parameters, decoded, in their order.
    pub fn params(&self) -> &[(String, String)] {
        &self.params
    }

    /// The first value of a URL parameter; an empty one counts as none.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(param, value)| param == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }
}
