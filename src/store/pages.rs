//! Sessions and events page by page: each page is bounded in bytes, however long its rows are.

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};

use super::sessions::select_overview;
use super::{Pieces, Place, Render, Store, StoreError, codec, events, sessions};
use crate::domain::{Event, EventKind, SeedStatus, SessionId, SessionOverview, TenantId};

/// Bytes of a page; one row that is longer is a page of its own.
const PAGE_BYTES: u64 = 256 << 10;

/// Rows of a page.
const PAGE_ROWS: i64 = 512;

/// How many of the first rows of these sizes are a page.
fn page_of(sizes: impl IntoIterator<Item = u64>) -> i64 {
    let (mut rows, mut bytes) = (0, 0_u64);
    for size in sizes {
        bytes = bytes.saturating_add(size);
        if rows > 0 && bytes > PAGE_BYTES {
            break;
        }
        rows += 1;
    }
    rows
}

impl Store {
    /// How many bytes a tenant's sessions take in a list, about.
    pub(super) async fn list_bytes(&self, tenant: TenantId) -> Result<u64, StoreError> {
        let row = sqlx::query(
            "select cast(coalesce(sum(octet_length(prompt) + 512), 0) as bigint) as bytes from sessions where tenant_id = $1",
        )
        .bind(tenant.to_string())
        .fetch_one(&self.read)
        .await?;
        codec::count(&row, "bytes")
    }

    /// The next page of a tenant's sessions after `after`, oldest first. Empty when there are no more.
    pub(super) async fn list_page(
        &self,
        tenant: TenantId,
        after: Option<Place>,
    ) -> Result<Vec<SessionOverview>, StoreError> {
        let (moment, id) = after.map_or((i64::MIN, String::new()), |(at, id)| (at.as_micros(), id.to_string()));
        let sizes = sqlx::query(
            "select octet_length(s.prompt) + coalesce(octet_length(t.report), 0) + coalesce(octet_length(t.error), 0) + 512
                as bytes
             from sessions s join turns t on t.session_id = s.id and t.ordinal = s.turn_count
             where s.tenant_id = $1 and (s.created_at, s.id) > ($2, $3) order by s.created_at, s.id limit $4",
        )
        .bind(tenant.to_string())
        .bind(moment)
        .bind(&id)
        .bind(PAGE_ROWS)
        .fetch_all(&self.read)
        .await?;
        let sizes = sizes.iter().map(|row| codec::count(row, "bytes")).collect::<Result<Vec<_>, _>>()?;
        let rows = sqlx::query(select_overview!(
            "s.prompt",
            "''",
            r#"'{"allowed_tools":[],"disallowed_tools":[],"env":{}}'"#,
            "where s.tenant_id = $1 and (s.created_at, s.id) > ($2, $3) order by s.created_at, s.id limit $4"
        ))
        .bind(tenant.to_string())
        .bind(moment)
        .bind(&id)
        .bind(page_of(sizes))
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(sessions::overview).collect()
    }

    /// A tenant's sessions, oldest first, each made into JSON by `render`, as one JSON array that is read page by page.
    pub(super) fn list_pages(
        &self,
        tenant: TenantId,
        render: fn(&SessionOverview) -> Bytes,
    ) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + use<> {
        let store = self.clone();
        stream::try_unfold(Some(None), move |next: Option<Option<Place>>| {
            let store = store.clone();
            async move {
                let Some(after) = next else { return Ok(None) };
                let page = store.list_page(tenant, after).await?;
                let next = page.last().map(|last| Some((last.session.created_at, last.session.id)));
                let entries = page.iter().map(render).collect::<Vec<_>>();
                Ok(Some((part(&entries.join(&b','), after.is_none(), next.is_none()), next)))
            }
        })
    }

    /// A page of a tenant's sessions that stand as `status` says, oldest first, each made into JSON by `render`, as one JSON
    /// array; `None` when `after` is no session of the tenant. Each session is read when the reader takes it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn session_page(
        &self,
        tenant: TenantId,
        (after, status, limit): (Option<SessionId>, Option<SeedStatus>, u32),
        render: fn(&SessionOverview) -> Bytes,
    ) -> Result<Option<Pieces>, StoreError> {
        let after = match after {
            None => None,
            Some(id) => match self.sessions().find_entry(tenant, id).await? {
                None => return Ok(None),
                Some(overview) => Some((overview.session.created_at, id)),
            },
        };
        let ids = self.sessions().ids(tenant, after, status, limit).await?;
        let store = self.clone();
        let entries =
            stream::iter(ids).then(move |id| {
                let store = store.clone();
                async move {
                    Ok::<_, StoreError>(store.sessions().find_entry(tenant, id).await?.map(|entry| render(&entry)))
                }
            });
        // A session that was deleted meanwhile is left out.
        let entries = entries.try_filter_map(|entry| std::future::ready(Ok(entry)));
        let elements = entries.enumerate().map(|(place, entry)| {
            entry.map(|entry| if place == 0 { entry } else { [b",", &entry[..]].concat().into() })
        });
        let end = |bracket| stream::once(std::future::ready(Ok(Bytes::from_static(bracket))));
        let parts = end(b"[").chain(elements).chain(end(b"]"));
        Ok(Some(self.streamed(tenant, parts).await))
    }

    /// The events after `after` and up to `until` that a session's conversation is shown from, as many as a page has.
    async fn shown_page(
        &self,
        (tenant, session): (TenantId, SessionId),
        after: i64,
        until: i64,
    ) -> Result<Vec<Event>, StoreError> {
        let sizes = sqlx::query(
            "select octet_length(e.payload) + 128 as bytes from events e join sessions s on s.id = e.session_id
             where s.tenant_id = $1 and s.id = $2 and e.kind = $3 and e.seq > $4 and e.seq <= $5
             order by e.seq limit $6",
        )
        .bind(tenant.to_string())
        .bind(session.to_string())
        .bind(EventKind::Message.as_str())
        .bind(after)
        .bind(until)
        .bind(PAGE_ROWS)
        .fetch_all(&self.read)
        .await?;
        let sizes = sizes.iter().map(|row| codec::count(row, "bytes")).collect::<Result<Vec<_>, _>>()?;
        let rows = sqlx::query(
            "select e.* from events e join sessions s on s.id = e.session_id
             where s.tenant_id = $1 and s.id = $2 and e.kind = $3 and e.seq > $4 and e.seq <= $5
             order by e.seq limit $6",
        )
        .bind(tenant.to_string())
        .bind(session.to_string())
        .bind(EventKind::Message.as_str())
        .bind(after)
        .bind(until)
        .bind(page_of(sizes))
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(events::event).collect()
    }

    /// The messages of a session as they are when it is `overview`, made into bytes by `render`, read page by page.
    pub fn message_pages(
        &self,
        overview: &SessionOverview,
        render: Render,
    ) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + use<> {
        let (store, of) = (self.clone(), (overview.session.tenant, overview.session.id));
        let until = overview.session.last_seq;
        stream::try_unfold(Some(0), move |next: Option<i64>| {
            let store = store.clone();
            async move {
                let Some(after) = next else { return Ok(None) };
                let page = store.shown_page(of, after, until).await?;
                let next = page.last().map(|last| last.seq);
                let array = render(b"", &page);
                Ok(Some((part(&array[1..array.len() - 1], after == 0, next.is_none()), next)))
            }
        })
    }
}

/// A part of a JSON array, from the elements in it.
fn part(elements: &[u8], is_first: bool, is_last: bool) -> Bytes {
    let mut part = Vec::with_capacity(elements.len() + 2);
    if is_first {
        part.push(b'[');
    } else if !elements.is_empty() {
        part.push(b',');
    }
    part.extend_from_slice(elements);
    if is_last {
        part.push(b']');
    }
    part.into()
}

#[cfg(test)]
impl super::Sessions<'_> {
    /// All of a tenant's sessions.
    pub(crate) async fn list(&self, tenant: TenantId) -> Result<Vec<SessionOverview>, StoreError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.0.list_page(tenant, after).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some((last.session.created_at, last.session.id));
            all.extend(page);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_ends_before_its_bytes_are_exceeded() {
        assert_eq!(page_of([]), 0);
        assert_eq!(page_of([1, 2, 3]), 3);
        assert_eq!(page_of([PAGE_BYTES - 1, 1, 1]), 2);
        assert_eq!(page_of([PAGE_BYTES * 100, 1]), 1, "a row longer than a page is a page of its own");
        assert_eq!(page_of([u64::MAX, u64::MAX]), 1);
    }

    #[test]
    fn parts_of_an_array_make_the_array() {
        let parts = [part(b"1,2", true, false), part(b"3", false, false), part(b"", false, true)];
        assert_eq!(parts.concat(), b"[1,2,3]");
        assert_eq!(part(b"", true, true), b"[]"[..]);
    }
}
