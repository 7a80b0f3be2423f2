//! Single logout from the inside.
