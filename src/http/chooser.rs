//! The page on which a person chooses whose identity provider to sign in at.

use super::HttpResponse;
use crate::encoding::percent_encode;
use crate::ids::{EndpointUrl, ReturnTo};
use crate::tenants::Tenants;
use crate::xml::escape_html;

/// More names than anybody reads; with more customers than that, an e-mail address says it better.
pub(super) const LISTED_AT_MOST: usize = 50;

/// What a page must offer on which a person chooses; see [`Routes::with_chooser`](super::Routes::with_chooser).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Chooser {
    /// Where a form goes, by GET, with the field `email`; and with `return_to`, if that is not `/`.
    pub action: String,
    /// Where the login is to lead.
    pub return_to: ReturnTo,
    /// Whether an e-mail address can lead on.
    pub by_email: bool,
    /// Names for people and the links that begin their login, in order of the names. Neither is escaped.
    pub choices: Vec<(String, String)>,
}

impl Chooser {
    pub(super) fn of(
        tenants: &Tenants, login: &EndpointUrl, return_to: ReturnTo, listed: &[crate::ids::TenantId], by_email: bool,
    ) -> Self {
        let query = match return_to.as_ref() {
            "/" => String::new(),
            path => format!("?return_to={}", percent_encode(path)),
        };
        let choice = |connection: std::sync::Arc<crate::tenants::Connection>| {
            let link = format!("{}{query}", login.child(connection.id().as_ref()).path());
            (connection.settings().display_name().to_owned(), link)
        };
        let choices = listed.iter().filter_map(|id| tenants.get(id)).map(choice).collect();
        Self { action: login.path().to_owned(), return_to, by_email, choices }
    }

    /// A plain page, without script: it works with a keyboard, a screen reader, and in the dark.
    #[must_use]
    pub fn page(&self) -> HttpResponse {
        let hidden = match self.return_to.as_ref() {
            "/" => String::new(),
            path => format!("<input type=\"hidden\" name=\"return_to\" value=\"{}\">", escape_html(path)),
        };
        let form = match self.by_email {
            true => format!(
                "<form method=\"get\" action=\"{}\"><p><label for=\"email\">Your e-mail address at work</label><br>\
                 <input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"email\" maxlength=\"320\" required>{hidden} \
                 <button type=\"submit\">Go on</button></p></form>",
                escape_html(&self.action)
            ),
            false => String::new(),
        };
        let item = |(name, link): &(String, String)| {
            format!("<li><a href=\"{}\">{}</a></li>", escape_html(link), escape_html(name))
        };
        let list = match self.choices.is_empty() {
            true => String::new(),
            false => format!("<ul>{}</ul>", self.choices.iter().map(item).collect::<String>()),
        };
        let nothing = match self.by_email || !self.choices.is_empty() {
            true => "",
            false => "<p>Please use the link that your organisation gave you.</p>",
        };
        // No form-action: Chromium holds the redirect that follows a form to it, and that leads to an identity provider.
        let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
        HttpResponse::html(200, policy, super::document("Sign in", &format!("{form}{list}{nothing}")))
    }
}
