//! A key of the installation that the model API refuses, or an upstream that is not there: known, and no tenant's fault.

use tokio::net::TcpListener;

use super::by_hand::{ByHand, document};
use super::harness::House;
use super::wire::{Told, hello};
use crate::domain::{Secret, Usd};
use crate::gateway::Usable;

#[tokio::test]
async fn a_refused_key_is_not_shown_as_the_tenants() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let body = r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#;
    let told = Told::of(model.answer(&house, document(401, body.to_owned())).await).await;
    let message = told.refusal(503, "api_error", false);
    assert!(message.contains("operator") && !message.contains("uthenticat"), "{message}");
    assert_eq!(house.row().await.cost, Usd::ZERO);
    assert_eq!(house.upstream.usable(), Usable::KeyRefused);
    let fine = Told::of(model.answer(&house, document(400, "{}".to_owned())).await).await;
    assert_eq!((fine.status.as_u16(), house.upstream.usable()), (400, Usable::Yes));
}

#[tokio::test]
async fn an_upstream_without_key_or_answer_is_known() {
    let house = House::with(|config| config.api_key = Secret::new("")).await;
    assert_eq!(house.upstream.usable(), Usable::NoKey);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let house = House::before(&format!("http://{address}")).await;
    house.told(&hello()).await.refusal(502, "api_error", true);
    assert_eq!(house.upstream.usable(), Usable::Unreachable);
}
