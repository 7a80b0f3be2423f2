//! No query and no form signs anybody out unless the very bytes that it carries were signed; and what the identity
//! provider signs, whatever it is, makes nothing panic. The first byte says what the rest is.
#![no_main]

use std::sync::LazyLock;

use entra_sso::ServiceProvider;
use entra_sso::saml::LogoutMessage;
use entra_sso::sp::LogoutStyle;
use entra_sso::testing::{TestIdp, TestKey, redirect_query};
use entra_sso_fuzz::{GENUINE_LOGOUTS, NOW, SP};
use libfuzzer_sys::fuzz_target;

static STANDARD: LazyLock<ServiceProvider> = LazyLock::new(|| {
    let idp = TestIdp::new().identity_provider(NOW).expect("metadata");
    let base = "https://app.example/saml".parse().expect("a URL");
    ServiceProvider::at(&base, idp).with_logout_style(LogoutStyle::Saml)
});

/// What is in the octets that a signature is over.
fn signed(query: &str) -> Vec<&str> {
    let value = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    ["SAMLRequest", "SAMLResponse", "RelayState", "SigAlg"].into_iter().filter_map(value).collect()
}

/// Judges a message as a request and as an answer; `Some` if either is accepted.
fn judge(message: LogoutMessage) -> Option<()> {
    let request = [&*SP, &*STANDARD].map(|sp| sp.judge_logout_request(&message, NOW));
    let response = {
        let pending = entra_sso::danger::captured_logout(&SP, "_request", NOW);
        SP.finish_logout(pending, &message, NOW)
    };
    for error in request.iter().filter_map(|verdict| verdict.as_ref().err()).chain(response.as_ref().err()) {
        assert!(!format!("{error} {:?}", error.hint()).contains(char::is_control));
    }
    (request.iter().any(Result::is_ok) || response.is_ok()).then_some(())
}

fn judge_query(query: &str) {
    let Ok(message) = LogoutMessage::from_query(query) else { return };
    if judge(message).is_some() {
        let genuine = GENUINE_LOGOUTS.iter().any(|genuine| signed(genuine) == signed(query));
        assert!(genuine, "nobody signed {query}");
    }
}

/// Changes a genuine query by steps of two bytes: what is done, and where.
fn mutated(genuine: &str, steps: &[u8]) -> String {
    let mut parts: Vec<String> = genuine.split('&').map(str::to_owned).collect();
    for step in steps.chunks_exact(2).take(16) {
        let at = usize::from(step[1]) % parts.len();
        match step[0] % 9 {
            0 => drop(parts.remove(at)),
            1 => parts.push(parts[at].clone()),
            2 => parts.swap(0, at),
            3 => parts[at] = parts[at].to_uppercase(),
            4 => parts[at] = parts[at].to_lowercase(),
            5 => {
                let value = parts[at].find('=').map_or(0, |equals| equals + 1);
                parts[at].insert(value, char::from(step[1] % 64 + 48));
            }
            6 => drop(parts[at].pop()),
            7 => parts[at] = parts[at].replacen(char::from(step[1]), &format!("%{:02x}", step[1]), 1),
            _ => parts[at] = parts[at].replacen("Request", "Response", 1),
        }
        if parts.is_empty() {
            break;
        }
    }
    parts.join("&")
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    match kind % 4 {
        0 => judge_query(&text),
        1 => {
            let genuine = &GENUINE_LOGOUTS[usize::from(*kind / 4) % GENUINE_LOGOUTS.len()];
            judge_query(&mutated(genuine, rest));
        }
        2 => {
            let form = LogoutMessage::from_form(rest);
            assert!(form.ok().and_then(judge).is_none(), "no form here was signed");
            let unsigned = LogoutMessage::from_query(&redirect_query("SAMLRequest", &text, None));
            assert!(unsigned.ok().and_then(judge).is_none(), "nobody signed this");
        }
        // By the identity provider's own key: it may say what it likes, and somebody may be signed out by it.
        _ => {
            for parameter in ["SAMLRequest", "SAMLResponse"] {
                let message = LogoutMessage::from_query(&redirect_query(parameter, &text, Some(TestKey::Idp)));
                let _ = message.ok().and_then(judge);
            }
        }
    }
});
