//! A tenant: a customer of the installation, and the directories its sessions may work in.

use std::path::PathBuf;

use super::{TenantId, TenantLimits, Timestamp};

/// A customer: owns keys, sessions and spending.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// What operators call it; unique in the installation.
    pub name: String,
    /// Where its sessions may work. The first is where a session works that names no directory.
    pub roots: Vec<TenantRoot>,
    /// What it may use, where that differs from everybody's.
    pub limits: TenantLimits,
    /// Whether it may begin anything.
    pub state: TenantState,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Whether a tenant may begin anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TenantState {
    /// It may.
    #[default]
    Active,
    /// Not until an operator resumes it. What it has, it can still see.
    Suspended,
    /// Never again: its keys open nothing, and it is not listed.
    Archived,
}

impl TenantState {
    /// The state's name in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Archived => "archived",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Suspended, Self::Archived].into_iter().find(|state| state.as_str() == text)
    }
}

/// A directory below which a tenant's sessions may work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRoot(PathBuf);

/// A path that cannot be a root.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRoot {
    /// Relative paths depend on where the server was started.
    #[error("a root must be an absolute path without `.` or `..`, but `{0}` is not")]
    NotAbsolute(PathBuf),
    /// Requests name directories in JSON, which is text.
    #[error("a root's path must be UTF-8 text, but `{0}` is not")]
    NotText(PathBuf),
    /// The whole machine.
    #[error("`/` cannot be a root: it would give the tenant the whole machine")]
    WholeMachine,
}

/// A tenant's name that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("a tenant's name is 1 to 63 of a-z, 0-9, `-` and `_`, beginning with a letter or digit")]
pub struct InvalidName;

impl TenantRoot {
    /// Takes `path` as a root.
    ///
    /// # Errors
    /// When it is not an absolute path in its plain form, or the whole machine.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, InvalidRoot> {
        use std::path::Component;
        let path = path.into();
        if path.to_str().is_none() {
            return Err(InvalidRoot::NotText(path));
        }
        let mut components = path.components();
        let plain = components.next() == Some(Component::RootDir)
            && components.clone().all(|part| matches!(part, Component::Normal(_)));
        match (plain, components.next()) {
            (false, _) => Err(InvalidRoot::NotAbsolute(path)),
            (true, None) => Err(InvalidRoot::WholeMachine),
            (true, Some(_)) => Ok(Self(path)),
        }
    }

    /// The root's path.
    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Tenant {
    /// Checks a name for a new tenant.
    ///
    /// # Errors
    /// When the name is empty, too long, or holds other characters than the error names.
    pub fn check_name(name: &str) -> Result<(), InvalidName> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if starts_well && name.len() <= 63 && name.chars().all(allowed) { Ok(()) } else { Err(InvalidName) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_absolute_plain_and_not_the_whole_machine() {
        assert!(TenantRoot::new("/srv/acme").is_ok());
        for bad in ["srv/acme", "", "/", "/srv/../etc", "."] {
            assert!(TenantRoot::new(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_name_is_short_and_plain() {
        assert!(Tenant::check_name("acme-2").is_ok());
        for bad in ["", "-a", "Acme", "a b", "é"] {
            assert!(Tenant::check_name(bad).is_err(), "{bad:?} was taken");
        }
    }
}
