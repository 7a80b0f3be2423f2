//! What the two web applications share and yours has already: pages, sessions, and somebody to sign
//! in with.

pub(crate) mod idp;
mod sessions;

pub(crate) use sessions::Sessions;

/// The application and the identity provider are two sites, as in life: the answer comes by a POST
/// from another site.
pub(crate) const APP: &str = "http://localhost:3000";

/// A page with its `Content-Security-Policy`.
pub(crate) struct Page {
    pub(crate) policy: String,
    pub(crate) html: String,
}

impl Page {
    /// A page of the application; `content` is HTML.
    pub(crate) fn of_app(title: &str, content: &str) -> Self {
        Self::new("app", "Demo application", title, content)
    }

    fn of_idp(title: &str, content: &str) -> Self {
        Self::new("idp", "Demo identity provider", title, content)
    }

    fn new(class: &str, site: &str, title: &str, content: &str) -> Self {
        let html = format!(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>{title} · {site}</title>\
             <link rel=\"icon\" href=\"data:,\"><style>{}</style></head>\
             <body class=\"{class}\"><header>{site}</header><main>{content}</main></body></html>",
            include_str!("style.css")
        );
        let policy = format!(
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
             form-action 'self' {APP}; base-uri 'none'; frame-ancestors 'none'"
        );
        Self { policy, html }
    }

    /// Where everybody begins.
    pub(crate) fn start() -> Self {
        Self::of_app(
            "Welcome",
            "<h1>Welcome</h1>\
             <p>Sign in, and see what your identity provider tells this application.</p>\
             <p class=\"buttons\"><a class=\"button\" id=\"sign-in\" href=\"/saml/login?return_to=/me\">\
             Sign in</a><a class=\"quiet button\" href=\"/me\">Your page</a></p>",
        )
    }

    /// In place of a page that is for people who have signed in.
    pub(crate) fn sign_in_first() -> Self {
        Self::of_app(
            "Please sign in",
            "<h1>Please sign in</h1><p>This page is for people who have signed in.</p>\
             <p class=\"buttons\"><a class=\"button\" id=\"sign-in\" href=\"/saml/login?return_to=/me\">\
             Sign in</a></p>",
        )
    }

    /// For somebody of whom the identity provider does not say what the application must know.
    pub(crate) fn not_let_in() -> Self {
        Self::of_app(
            "Not let in",
            "<h1>Not let in</h1><p>You have signed in, but we were not told all that we must know \
             of you. Please ask your administrator.</p>",
        )
    }
}

/// Text for HTML, in elements and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}
