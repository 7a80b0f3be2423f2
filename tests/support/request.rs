//! A request to the routes, for tests that stand in for a browser.

use entra_sso::http::HttpRequest;

#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) query: Option<String>,
    pub(crate) cookie: Vec<String>,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) fetch_site: Option<&'static str>,
    pub(crate) body: Vec<u8>,
}

impl HttpRequest for Request {
    fn method(&self) -> &str {
        self.method
    }
    fn path(&self) -> &str {
        self.path
    }
    fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }
    fn header(&self, name: &str) -> Vec<&[u8]> {
        match name {
            "cookie" => self.cookie.iter().map(String::as_bytes).collect(),
            "content-type" => self.content_type.into_iter().map(str::as_bytes).collect(),
            "sec-fetch-site" => self.fetch_site.into_iter().map(str::as_bytes).collect(),
            _ => Vec::new(),
        }
    }
    fn body(&self) -> &[u8] {
        &self.body
    }
}

/// A page that a browser opens.
pub(crate) fn get(path: &'static str, query: Option<&str>) -> Request {
    Request { method: "GET", path, query: query.map(str::to_owned), ..Request::default() }
}

/// A form that a browser with these `Cookie` headers posts.
pub(crate) fn post<S: AsRef<str>>(cookies: &[S], body: Vec<u8>) -> Request {
    let content_type = Some("application/x-www-form-urlencoded; charset=utf-8");
    let cookie = cookies.iter().map(|cookie| cookie.as_ref().to_owned()).collect();
    Request { method: "POST", path: "/saml/acs", cookie, content_type, body, ..Request::default() }
}
