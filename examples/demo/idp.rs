//! An identity provider for trying things out: it asks for no password, and everybody knows its key.

use entra_sso::UnixTime;
use entra_sso::entra::claims;
use entra_sso::saml::{Outgoing, POST_FORM_SCRIPT_SHA256};
use entra_sso::testing::{ADA, ReceivedRequest, TENANT, TestIdp, TestResponse};

use super::{APP, Page, escape};

/// Where it listens.
pub(crate) const ADDRESS: &str = "127.0.0.1:3001";

struct Person {
    object_id: &'static str,
    first_name: &'static str,
    last_name: &'static str,
    username: &'static str,
    email: &'static str,
    groups: usize,
    mfa: bool,
    about: &'static str,
}

const PEOPLE: [Person; 2] = [
    Person {
        object_id: ADA,
        first_name: "Ada",
        last_name: "Lovelace",
        username: "ada@contoso.example",
        email: "ada.lovelace@contoso.example",
        groups: 2,
        mfa: true,
        about: "in two groups, with a second factor",
    },
    Person {
        object_id: "91b7d0e4-6c3a-4f58-a2d9-7e05c8b1f643",
        first_name: "Alan",
        last_name: "Turing",
        username: "alan@contoso.example",
        email: "alan.turing@contoso.example",
        groups: 200,
        mfa: false,
        about: "in 200 groups, more than Entra lists, with a password only",
    },
];

/// The path of its one page: GET asks, POST answers.
pub(crate) fn path() -> String {
    format!("/{TENANT}/saml2")
}

/// The identity provider, as the application knows it.
pub(crate) fn idp() -> Result<TestIdp, entra_sso::Error> {
    Ok(TestIdp::at(&format!("http://{ADDRESS}{}", path()))?)
}

/// Shows who asks, and lets the person choose what to answer. The form goes to the same address, so
/// that the request comes again with the answer.
pub(crate) fn ask(query: &str) -> Page {
    let Some(request) = read(query) else { return not_a_request() };
    let people = PEOPLE.iter().enumerate().map(|(number, person)| {
        let Person { first_name, last_name, email, about, .. } = person;
        let checked = if number == 0 { " checked" } else { "" };
        format!(
            "<label><input type=\"radio\" name=\"person\" value=\"{number}\"{checked}>\
             <span><b>{first_name} {last_name}</b><br>{email}<br><small>{about}</small></span></label>"
        )
    });
    let content = format!(
        "<h1>Who are you?</h1><p>This application wants to know:<br><code>{}</code></p>\
         <form method=\"post\"><fieldset><legend>Continue as</legend>{}</fieldset>\
         <p class=\"buttons\"><button id=\"continue\" name=\"answer\" value=\"continue\">Continue</button>\
         <button class=\"quiet\" id=\"refuse\" name=\"answer\" value=\"refuse\">Refuse</button></p>\
         </form>",
        escape(&request.issuer),
        people.collect::<String>(),
    );
    Page::of_idp("Who are you?", &content)
}

/// Where the browser goes from here, if the application has sent it to sign out: straight back, because nobody has a
/// session here.
pub(crate) fn signed_out(query: &str) -> Option<String> {
    let slo = entra_sso::danger::plain_http(&format!("{APP}/saml/slo")).ok()?;
    let request = Outgoing::Redirect(format!("http://{ADDRESS}{}?{query}", path()));
    let response = idp().ok()?.logout_response(&request, &slo, UnixTime::now())?;
    Some(format!("{slo}?{}", response.query()))
}

/// A form that posts itself to the application.
pub(crate) fn answer(query: &str, choice: &str) -> Page {
    let (Some(request), Ok(idp)) = (read(query), idp()) else { return not_a_request() };
    let chose = |field: &str| choice.split('&').any(|found| found == field);
    let [ada, alan] = &PEOPLE;
    let person = if chose("person=1") { alan } else { ada };
    let response = idp.with_groups(person.groups).respond(&request, UnixTime::now());
    let response = match chose("answer=refuse") {
        true => response.refuse("AuthnFailed", REFUSAL),
        false => about(response, person),
    };
    let fields = response
        .fields()
        .into_iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(&value)));
    let content = format!(
        "<form method=\"post\" action=\"{}\">{}<p>Back to the application …</p>\
         <noscript><p><button>Continue</button></p></noscript></form>\
         <script>document.forms[0].submit();</script>",
        escape(&request.acs),
        fields.collect::<String>(),
    );
    let page = Page::of_idp("Signing in", &content);
    let policy = format!("{}; script-src 'sha256-{POST_FORM_SCRIPT_SHA256}'", page.policy);
    Page { policy, ..page }
}

const REFUSAL: &str = "AADSTS50105: Your administrator has configured the application to block users \
                       unless they are specifically granted ('assigned') access to the application.";

/// What Entra says of this person.
fn about(response: TestResponse, person: &Person) -> TestResponse {
    let password = "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password";
    let methods: &[&str] = match person.mfa {
        true => &[password, claims::MULTIPLE_AUTHN],
        false => &[password],
    };
    response
        .name_id(person.username, "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress")
        .attribute(claims::OBJECT_ID, &[person.object_id])
        .attribute(claims::DISPLAY_NAME, &[&format!("{} {}", person.first_name, person.last_name)])
        .attribute(claims::GIVEN_NAME, &[person.first_name])
        .attribute(claims::SURNAME, &[person.last_name])
        .attribute(claims::EMAIL, &[person.email])
        .attribute(claims::NAME, &[person.username])
        .attribute(claims::AUTHN_METHODS, methods)
}

/// Only for our own application: whoever else asks gets no answer.
fn read(query: &str) -> Option<ReceivedRequest> {
    ReceivedRequest::from_query(query).filter(|request| request.acs == format!("{APP}/saml/acs"))
}

fn not_a_request() -> Page {
    let content = format!(
        "<h1>Nobody asks</h1><p>Sign in at the <a href=\"{APP}/\">application</a>: \
         it sends you here with its request.</p>"
    );
    Page::of_idp("Nobody asks", &content)
}
