//! Sessions of the application, in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use entra_sso::{Error, SecureRandom, SystemRandom};

/// Who is signed in, by a random value in a cookie. Yours end by themselves after a while.
pub(crate) struct Sessions<User>(Mutex<HashMap<String, User>>);

impl<User: Clone> Sessions<User> {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Opens a session and returns its cookie. It is always a new one: a session from before the
    /// sign-in may be known to somebody else.
    ///
    /// `Lax`, because the browser comes from another site. Over `https`, add `Secure`.
    pub(crate) fn open(&self, user: User) -> Result<String, Error> {
        let mut random = [0; 16];
        SystemRandom::default().fill(&mut random)?;
        let id = format!("{:032x}", u128::from_be_bytes(random));
        let cookie = format!("session={id}; Path=/; HttpOnly; SameSite=Lax");
        self.all().insert(id, user);
        Ok(cookie)
    }

    /// Who sends this `Cookie` header.
    pub(crate) fn user(&self, cookies: &str) -> Option<User> {
        self.all().get(id(cookies)?).cloned()
    }

    /// Ends the session and returns the cookie that makes the browser forget it.
    pub(crate) fn close(&self, cookies: &str) -> &'static str {
        id(cookies).and_then(|id| self.all().remove(id));
        "session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, User>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn id(cookies: &str) -> Option<&str> {
    cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("session="))
}
