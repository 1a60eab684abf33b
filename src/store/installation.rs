//! The installation's name on its sandboxes, and the place of the data directory that it belongs to.

use serde_json::json;

use super::audit::{self, Record};
use super::{Store, StoreError, codec};
use crate::domain::{Action, By};

/// The installation that a data directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Its name on its sandboxes.
    pub id: String,
    /// The name of the installation that this one was a copy of until now.
    pub copied_from: Option<String>,
}

impl Store {
    /// The installation at `place`. When `is_same` says that the recorded place is another, this is a copy: it gets a name of
    /// its own, so that the sandboxes of the original are not taken for its own.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn claim_installation(
        &self,
        place: &str,
        is_same: impl Fn(&str) -> bool,
        by: &By,
    ) -> Result<Installation, StoreError> {
        let old = self.installation().await?;
        let row = sqlx::query("select place from installation where id = $1").bind(&old).fetch_one(&self.read);
        let recorded = codec::maybe_text(&row.await?, "place")?;
        let is_copy = recorded.as_deref().is_some_and(|recorded| !is_same(recorded));
        let id = if is_copy { uuid::Uuid::new_v4().simple().to_string() } else { old.clone() };
        let claimed = Installation { id: id.clone(), copied_from: is_copy.then(|| old.clone()) };
        let (place, by) = (place.to_owned(), by.clone());
        self.write(move |transaction| {
            Box::pin(async move {
                sqlx::query("update installation set id = $1, place = $2")
                    .bind(&id)
                    .bind(place)
                    .execute(&mut **transaction)
                    .await?;
                if is_copy {
                    let (before, after) = (json!({ "installation": old }), json!({ "installation": id }));
                    let record = Record {
                        action: Action::RenewInstallation,
                        target: id,
                        tenant: None,
                        reason: Some("the data directory is a copy".to_owned()),
                        before: Some(before),
                        after: Some(after),
                    };
                    audit::write(transaction, &by, record).await?;
                }
                Ok(())
            })
        })
        .await?;
        Ok(claimed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::AuditFilter;

    #[tokio::test]
    async fn copy_gets_a_name_of_its_own_and_an_audit_entry() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("db")).await.unwrap();
        let claim = async |place: &str| {
            let claimed = store.claim_installation(place, |recorded| recorded == place, &By::test()).await.unwrap();
            assert_eq!(store.installation().await.unwrap(), claimed.id);
            claimed
        };
        let original = store.installation().await.unwrap();
        for _ in 0..2 {
            assert_eq!(claim("here").await, Installation { id: original.clone(), copied_from: None });
        }
        let copy = claim("there").await;
        assert_ne!(copy.id, original);
        assert_eq!(copy.copied_from.as_ref(), Some(&original));
        assert_eq!(claim("there").await, Installation { id: copy.id.clone(), copied_from: None });
        let entries = store.audit().list(&AuditFilter::default(), 10).await.unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].action, &entries[0].target), (Action::RenewInstallation, &copy.id));
    }
}
