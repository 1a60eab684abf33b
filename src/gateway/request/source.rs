//! Where images and documents come from: from the request itself, or from a host the sandbox may reach.

use reqwest::Url;

use super::content::blocks;
use super::image;
use super::object::{Object, Path};
use super::tally::{Fetch, Tally};
use crate::gateway::reply::Refusal;

/// The forms an image has.
const IMAGE_TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// What has a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// An image.
    Image,
    /// A document.
    Document,
}

/// Reads the source of `block`.
pub(super) fn read(block: &Object<'_, '_>, holder: Holder, tally: &mut Tally<'_>, depth: usize) -> Result<(), Refusal> {
    let path = block.path().key("source");
    let Some(raw) = block.get("source") else { return Err(path.refuse("is missing")) };
    let source = Object::open(raw, &path)?;
    match (source.kind("type")?.as_ref(), holder) {
        ("base64", holder) => inline(&source, holder, tally),
        ("text", Holder::Document) => source.only(&["type", "media_type", "data"]),
        ("content", Holder::Document) => {
            source.only(&["type", "content"])?;
            match source.get("content") {
                Some(raw) => blocks(raw, &path.key("content"), tally, depth + 1),
                None => Ok(()),
            }
        }
        ("url", holder) => {
            source.only(&["type", "url"])?;
            let url = source.text("url")?.ok_or_else(|| path.key("url").refuse("is missing"))?;
            granted(&url, &path.key("url"), tally)?;
            match holder {
                Holder::Image => tally.add(tally.limits.max_image),
                Holder::Document => tally.is_unbounded = true,
            }
            tally.is_fetched = true;
            Ok(())
        }
        ("file", _) => Err(path.key("type").refuse(
            "is `file`, which names a file that is stored with the provider for every tenant: send the content itself",
        )),
        _ => Err(path.key("type").refuse("is not on the list of sources a call may carry: send the content itself")),
    }
}

/// Content that is in the request.
fn inline(source: &Object<'_, '_>, holder: Holder, tally: &mut Tally<'_>) -> Result<(), Refusal> {
    source.only(&["type", "media_type", "data"])?;
    let path = source.path();
    let form = source.text("media_type")?.unwrap_or_default();
    match holder {
        Holder::Image if !IMAGE_TYPES.contains(&form.as_ref()) => {
            return Err(path.key("media_type").refuse(format_args!("must be one of {}", IMAGE_TYPES.join(", "))));
        }
        Holder::Document if form != "application/pdf" => {
            return Err(path.key("media_type").refuse("must be `application/pdf`"));
        }
        _ => {}
    }
    let Some(raw) = source.get("data") else { return Ok(()) };
    let data = super::object::text(raw, &path.key("data"))?;
    tally.is_media(raw);
    match holder {
        Holder::Image => tally.add(image::tokens(&data, tally.limits.max_image)),
        // Pages cannot be counted without reading the document as the provider does.
        Holder::Document => tally.is_unbounded = true,
    }
    Ok(())
}

/// Whether the sandbox may have the provider fetch `url`: only from a host that it may reach itself.
fn granted(url: &str, path: &Path<'_>, tally: &mut Tally<'_>) -> Result<(), Refusal> {
    let plain = Url::parse(url).ok().filter(|url| {
        url.scheme() == "https" && url.username().is_empty() && url.password().is_none() && url.domain().is_some()
    });
    let Some(url) = plain else {
        return Err(
            path.refuse("must be an https URL with the name of a host and without a user: send the content itself")
        );
    };
    let fetch = Fetch {
        host: url.domain().unwrap_or_default().to_owned(),
        port: url.port_or_known_default().unwrap_or_default(),
    };
    if !tally.policy.egress.iter().any(|grant| grant.admits(&fetch.host, fetch.port)) {
        let refusal = path.refuse(format_args!(
            "has the provider fetch from `{}:{}`, which the session's egress policy does not grant: send the content \
             itself, or have the host granted to the tenant",
            fetch.host, fetch.port
        ));
        tally.denied = Some(fetch);
        return Err(refusal);
    }
    tally.fetches.push(fetch);
    Ok(())
}
