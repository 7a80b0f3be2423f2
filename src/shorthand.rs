//! Macros for what would be said many times over: getters, setters, and enums with a code for each variant.

/// Methods that only look: a value for a body, and `#[must_use]`.
macro_rules! getters {
    ($(
        $(#[$doc:meta])*
        $vis:vis fn $name:ident(&$this:ident $(, $arg:ident: $of:ty)?) -> $type:ty { $value:expr }
    )*) => {
        $($(#[$doc])* #[must_use] $vis fn $name(&$this $(, $arg: $of)?) -> $type { $value })*
    };
}

/// Methods that set something and give `self` back; they or their type are `#[must_use]`.
macro_rules! setters {
    ($(
        $(#[$doc:meta])*
        $name:ident($($arg:ident: $of:ty),*) { $($($at:ident).+ = $value:expr),+ }
    )*) => {
        $($(#[$doc])* pub fn $name(mut self, $($arg: $of),*) -> Self {
            $(self.$($at).+ = $value;)+
            self
        })*
    };
}

/// An enum in which each variant has a constant text beside it, and the method that gives the text.
macro_rules! texts {
    ($vis:vis fn $method:ident; $(#[$meta:meta])* pub enum $name:ident {
        $($(#[$of:meta])* $variant:ident $(($($field:tt)*))? = $text:expr $(, of $inner:ident)?;)*
    }) => {
        $(#[$meta])* pub enum $name { $($(#[$of])* $variant $(($($field)*))?,)* }
        impl $name {
            /// A name that stays the same from release to release.
            #[must_use]
            $vis const fn $method(&self) -> &'static str {
                match self { $(Self::$variant { $(0: $inner,)? .. } => $text,)* }
            }
        }
    };
}

/// As `setters`, for what is added to rather than replaced.
macro_rules! builders {
    ($(
        $(#[$doc:meta])*
        pub fn $name:ident(mut $this:ident $(, $arg:ident: $of:ty)?) { $step:expr }
    )*) => {
        $($(#[$doc])* pub fn $name(mut $this $(, $arg: $of)?) -> Self { $step; $this })*
    };
}

/// With the feature `serde`, a type is its text, and reading it checks as `FromStr` does.
macro_rules! serde_as_text {
    ($name:ty) => {
        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use serde_as_text;
