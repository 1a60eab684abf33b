//! Where a sandbox may reach out to: hosts by name and port, granted one by one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A host a sandbox may reach: `packages.example.com:443`, or every host below a name: `*.example.org:443`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EgressHost {
    /// The name, lower case; without the `*.` of a wildcard.
    name: String,
    /// Whether every host below the name is meant, and not the name itself.
    below: bool,
    port: u16,
}

/// A text that names no host a sandbox could be granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no host to grant: give a name with its port, such as `packages.example.com:443` or `*.example.org:443`, \
     never an address"
)]
pub struct InvalidEgressHost(String);

impl EgressHost {
    /// Whether it lets `host` be reached at `port`. The host's name is compared without regard to case.
    pub fn admits(&self, host: &str, port: u16) -> bool {
        let host = host.to_ascii_lowercase();
        self.port == port
            && if self.below {
                host.strip_suffix(&self.name).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
            } else {
                host == self.name
            }
    }

    /// Whether everything `other` lets be reached is let be reached by this.
    pub fn covers(&self, other: &Self) -> bool {
        let same = self.port == other.port && self.name == other.name && self.below == other.below;
        let is_below = || other.name.strip_suffix(&self.name).is_some_and(|front| front.ends_with('.'));
        same || self.below && self.port == other.port && is_below()
    }

    /// Reads what a program asks to be connected to, and answers its name, lower case, and its port. A wildcard, an address,
    /// a user's name or anything else that is no plain `NAME:PORT` is nothing to connect to.
    pub fn target(text: &str) -> Option<(String, u16)> {
        let host: Self = text.parse().ok().filter(|host: &Self| !host.below)?;
        Some((host.name, host.port))
    }

    /// What a sandbox may reach: of what its tenant is `granted`, that which the `ceiling` of the installation covers and,
    /// where a turn `asked` for less, that which it asked for.
    pub fn policy(asked: Option<&[Self]>, granted: &[Self], ceiling: &[Self]) -> Vec<Self> {
        let covered = |by: &[Self], host: &Self| by.iter().any(|wider| wider.covers(host));
        let granted: Vec<_> = granted.iter().filter(|host| covered(ceiling, host)).cloned().collect();
        match asked {
            Some(asked) => asked.iter().filter(|host| covered(&granted, host)).cloned().collect(),
            None => granted,
        }
    }
}

impl FromStr for EgressHost {
    type Err = InvalidEgressHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidEgressHost(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| digits && *port > 0).ok_or_else(invalid)?;
        let (name, below) = host.strip_prefix("*.").map_or((host, false), |name| (name, true));
        if !is_name(name) {
            return Err(invalid());
        }
        Ok(Self { name: name.to_ascii_lowercase(), below, port })
    }
}

/// Whether it is the name of a host: labels of letters, digits and `-`, two or more of them, the last no number.
fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253
        && name.contains('.')
        && name.split('.').all(label)
        && last.bytes().any(|byte| byte.is_ascii_alphabetic())
}

impl fmt::Display for EgressHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = if self.below { "*." } else { "" };
        write!(formatter, "{below}{}:{}", self.name, self.port)
    }
}

impl TryFrom<String> for EgressHost {
    type Error = InvalidEgressHost;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<EgressHost> for String {
    fn from(host: EgressHost) -> Self {
        host.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> EgressHost {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_admits_itself_and_a_wildcard_what_is_below_it() {
        assert!(host("Packages.example.com:443").admits("packages.EXAMPLE.com", 443));
        let below = host("*.example.org:443");
        assert!(below.admits("a.example.org", 443) && below.admits("a.b.example.org", 443));
        for (name, port) in
            [("example.org", 443), ("evil-example.org", 443), ("a.example.org", 80), (".example.org", 443)]
        {
            assert!(!below.admits(name, port), "{name}:{port}");
        }
    }

    #[test]
    fn a_grant_covers_itself_and_what_is_narrower() {
        assert!(host("*.example.org:443").covers(&host("a.example.org:443")));
        assert!(host("*.example.org:443").covers(&host("*.a.example.org:443")));
        assert!(host("*.example.org:443").covers(&host("*.example.org:443")));
        for narrower in ["example.org:443", "a.example.org:80", "*.org.example:443", "evil-example.org:443"] {
            assert!(!host("*.example.org:443").covers(&host(narrower)), "{narrower}");
        }
        assert!(!host("a.example.org:443").covers(&host("*.a.example.org:443")));
    }

    #[test]
    fn a_program_is_connected_to_a_plain_name_alone() {
        assert_eq!(EgressHost::target("A.Example.org:443"), Some(("a.example.org".to_owned(), 443)));
        for bad in [
            "*.example.org:443",
            "a.example.org",
            "a.example.org:+443",
            "a.example.org.:443",
            "me@a.example.org:443",
            "a.example.org:443:443",
            "a.example.org:443/",
            "127.0.0.1:443",
            "[::1]:443",
            "2130706433:443",
            "a.example.org\0.evil.org:443",
        ] {
            assert_eq!(EgressHost::target(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_sandbox_may_reach_what_is_asked_for_granted_and_within_the_ceiling() {
        let hosts = |texts: &[&str]| texts.iter().map(|text| host(text)).collect::<Vec<_>>();
        let granted = hosts(&["*.example.org:443", "packages.example.com:443"]);
        let ceiling = hosts(&["*.example.org:443", "other.example.com:443"]);
        let policy = |asked: Option<&[EgressHost]>| EgressHost::policy(asked, &granted, &ceiling);
        assert_eq!(policy(None), hosts(&["*.example.org:443"]));
        assert_eq!(policy(Some(&[])), []);
        let asked = hosts(&["a.example.org:443", "packages.example.com:443", "other.example.com:443"]);
        assert_eq!(policy(Some(&asked)), hosts(&["a.example.org:443"]));
        assert_eq!(EgressHost::policy(None, &granted, &[]), [], "nothing is granted by default");
    }

    #[test]
    fn what_names_no_host_is_refused() {
        for bad in
            ["", "example.org", "example.org:0", "example.org:x", "10.0.0.1:443", "[::1]:443", "*:443", "localhost:443"]
                .into_iter()
                .chain([
                    "*.*.org:443",
                    "a..b:443",
                    "-a.org:443",
                    "user@example.org:443",
                    "a.org/x:443",
                    "ex\u{e4}mple.org:443",
                ])
        {
            assert!(bad.parse::<EgressHost>().is_err(), "{bad}");
        }
        assert_eq!(serde_json::to_string(&host("*.Example.org:8443")).unwrap(), r#""*.example.org:8443""#);
    }
}
