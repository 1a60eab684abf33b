//! The labels that say on the engine itself whose a container or volume is.

use std::collections::HashMap;

use crate::engine::Labels;

/// Names the [`Labels::installation`].
const INSTALLATION: &str = "innkeeper.installation";
/// Names the [`Labels::tenant`].
const TENANT: &str = "innkeeper.tenant";
/// Names the [`Labels::session`].
const SESSION: &str = "innkeeper.session";
/// Names the [`Labels::epoch`].
const EPOCH: &str = "innkeeper.epoch";

/// Writes `labels` as Docker takes them.
pub(super) fn write(labels: &Labels) -> HashMap<String, String> {
    HashMap::from([
        (INSTALLATION.to_owned(), labels.installation.clone()),
        (TENANT.to_owned(), labels.tenant.to_string()),
        (SESSION.to_owned(), labels.session.to_string()),
        (EPOCH.to_owned(), labels.epoch.to_string()),
    ])
}

/// Reads what [`write()`] wrote; `None` when one is missing or is not what innkeeper writes.
pub(super) fn read(labels: &HashMap<String, String>) -> Option<Labels> {
    Some(Labels {
        installation: labels.get(INSTALLATION)?.clone(),
        tenant: labels.get(TENANT)?.parse().ok()?,
        session: labels.get(SESSION)?.parse().ok()?,
        epoch: labels.get(EPOCH)?.parse().ok()?,
    })
}

/// The filter that lets through what belongs to `installation`: a key and its values.
pub(super) fn of_installation(installation: &str) -> (String, Vec<String>) {
    ("label".to_owned(), vec![format!("{INSTALLATION}={installation}")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{SessionId, TenantId};

    fn labels() -> Labels {
        Labels {
            installation: "hotel".to_owned(),
            tenant: TenantId::generate(),
            session: SessionId::generate(),
            epoch: 7,
        }
    }

    #[test]
    fn labels_read_back() {
        let labels = labels();
        assert_eq!(read(&write(&labels)), Some(labels));
    }

    #[test]
    fn a_missing_or_foreign_label_is_noticed() {
        let mut written = write(&labels());
        written.insert(EPOCH.to_owned(), "latest".to_owned());
        assert_eq!(read(&written), None);
        written.remove(EPOCH);
        assert_eq!(read(&written), None);
    }
}
