//! Keys as the admin API takes and shows them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::auth::Issued;
use crate::domain::{Key, KeyOwner, KeyScope, KeyScopes, TenantId, Timestamp};

/// A key to be issued.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateKey {
    /// What the key is called in lists: 1 to 100 characters.
    #[schema(example = "CI of the web team")]
    pub(super) name: String,
    /// What the key opens: `sessions:read`, `sessions:write`, `usage:read`. Left out: all of it.
    #[schema(value_type = Option<Vec<KeyScope>>, example = json!(["sessions:read", "usage:read"]))]
    pub(super) scopes: Option<KeyScopes>,
    /// After how many days it opens nothing any more. Left out: it does not expire.
    #[schema(minimum = 1, maximum = 36_500)]
    pub(super) expires_in_days: Option<u32>,
}

/// A key that was just issued: the only time it is shown. Not printable, so that no log shows it a second time.
#[derive(Serialize, ToSchema)]
pub struct IssuedKeyView {
    /// The key's public part, which names it.
    pub id: String,
    /// The key itself. It is stored hashed and cannot be shown again.
    #[schema(example = "ink_live_...")]
    pub key: String,
    /// What it is called.
    pub name: String,
    /// What it opens.
    #[schema(value_type = Vec<KeyScope>)]
    pub scopes: KeyScopes,
    /// The tenant it speaks for; null for a key of the operators.
    #[schema(value_type = Option<String>)]
    pub tenant_id: Option<TenantId>,
    /// When it was issued.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// From when on it opens nothing; null when it does not expire.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

impl From<Issued> for IssuedKeyView {
    fn from(Issued { plain, record }: Issued) -> Self {
        let tenant_id = match record.owner {
            KeyOwner::Tenant(tenant) => Some(tenant),
            KeyOwner::Operator => None,
        };
        Self {
            id: record.id.as_str().to_owned(),
            key: plain.expose().to_owned(),
            name: record.name,
            scopes: record.scopes,
            tenant_id,
            created_at: record.created_at,
            expires_at: record.expires_at,
        }
    }
}

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyView {
    /// The key's public part, which names it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it opens.
    #[schema(value_type = Vec<KeyScope>)]
    pub scopes: KeyScopes,
    /// When it was issued.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last used, give or take a minute; null when it never was.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    /// From when on it opens nothing; null when it does not expire.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked; null when it was not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// Keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyList {
    /// The keys, oldest first.
    pub data: Vec<KeyView>,
}

/// How a key is to be rotated.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RotateKey {
    /// For how many hours the old key still opens what it opened.
    #[schema(format = Int64, maximum = 4_294_967_295_i64)]
    pub(super) overlap_hours: u32,
}

impl From<Key> for KeyView {
    fn from(key: Key) -> Self {
        Self {
            id: key.id.as_str().to_owned(),
            name: key.name,
            scopes: key.scopes,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        }
    }
}

impl FromIterator<Key> for KeyList {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        Self { data: keys.into_iter().map(KeyView::from).collect() }
    }
}

/// When a key is to end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpireKey {
    /// From when on it opens nothing, as `2026-12-01T00:00:00Z`. An end can be brought forward, never put off.
    #[schema(format = DateTime)]
    pub(super) expires_at: String,
}
