//! Sessions of the application, in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use entra_sso::sp::{LogoutHandle, LogoutRequest};
use entra_sso::{Error, SecureRandom, SystemRandom};

/// Who is signed in, by a random value in a cookie, and by what the identity provider knows the session. Yours end by
/// themselves after a while.
pub(crate) struct Sessions<User>(Mutex<HashMap<String, (User, LogoutHandle)>>);

impl<User: Clone> Sessions<User> {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Opens a session and returns its cookie. It is always a new one: a session from before the
    /// sign-in may be known to somebody else.
    ///
    /// `Lax`, because the browser comes from another site. Over `https`, add `Secure`.
    pub(crate) fn open(&self, user: User, handle: LogoutHandle) -> Result<String, Error> {
        let mut random = [0; 16];
        SystemRandom::default().fill(&mut random)?;
        let id = format!("{:032x}", u128::from_be_bytes(random));
        let cookie = format!("session={id}; Path=/; HttpOnly; SameSite=Lax");
        self.all().insert(id, (user, handle));
        Ok(cookie)
    }

    /// Who sends this `Cookie` header.
    pub(crate) fn user(&self, cookies: &str) -> Option<User> {
        self.all().get(id(cookies)?).map(|(user, _)| user.clone())
    }

    /// Makes the browser forget its session.
    pub(crate) const FORGET: &str = "session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0";

    /// Ends the session, and returns by what the identity provider knows it.
    pub(crate) fn close(&self, cookies: &str) -> Option<LogoutHandle> {
        self.all().remove(id(cookies)?).map(|(_, handle)| handle)
    }

    /// Ends what the identity provider wants to end: in any browser, and in this one.
    pub(crate) fn end(&self, request: &LogoutRequest, cookies: &str) {
        let here = id(cookies);
        self.all().retain(|id, (_, handle)| match here {
            Some(here) if here == id => !request.ends_in_this_browser(handle),
            _ => !request.ends(handle),
        });
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, (User, LogoutHandle)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn id(cookies: &str) -> Option<&str> {
    cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("session="))
}
