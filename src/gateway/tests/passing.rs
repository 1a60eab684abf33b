//! What passes the gateway unchanged, and what does not pass it.

use axum::body::Body;
use http::Method;
use serde_json::json;

use super::by_hand::{ByHand, Pieces, STOP, document, event_stream};
use super::harness::House;
use super::wire::{KEY, PLACEHOLDER, Told, hello, read_until, scripted, streamed};

/// Headers that say something about the account behind the key.
const OF_ACCOUNT: [&str; 4] = [
    "anthropic-organization-id",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-tokens-reset",
    "set-cookie",
];

#[tokio::test]
async fn the_model_is_asked_with_the_real_key_and_no_other_credential() {
    let house = House::new().await;
    let call = house.post(hello().to_string());
    let call = call.bearer_auth(PLACEHOLDER).header("cookie", PLACEHOLDER).header("proxy-authorization", PLACEHOLDER);
    Told::of(call.send().await.unwrap()).await;
    let counted = house.request(Method::POST, "/v1/messages/count_tokens").bearer_auth(PLACEHOLDER).body("{}");
    Told::of(counted.send().await.unwrap()).await;
    let received = house.stand_in.received();
    assert_eq!(received.len(), 2);
    for request in received {
        assert_eq!(request.headers["x-api-key"], KEY);
        assert!(!format!("{:?}", request.headers).contains(PLACEHOLDER), "{:?}", request.headers);
    }
}

#[tokio::test]
async fn headers_that_nobody_knows_and_the_query_pass() {
    let house = House::new().await;
    let path = "/v1/messages?beta=true&x=%2Fa%20b&x=+";
    let call = house.request(Method::POST, path).body(hello().to_string());
    let headers =
        [("anthropic-version", "2023-06-01"), ("anthropic-beta", "effort-2025-11-24"), ("x-brand-new", "1; q=\"2\"")];
    let call = headers.iter().fold(call, |call, (name, value)| call.header(*name, *value));
    let call = call
        .header("anthropic-beta", "pdfs-2024-09-25")
        .header("accept-encoding", "gzip, br")
        .header("connection", "x-hop");
    Told::of(call.header("x-hop", "1").send().await.unwrap()).await;
    let received = house.stand_in.received().remove(0);
    assert_eq!((received.method.as_str(), received.path.as_str()), ("POST", path));
    assert_eq!(received.headers["anthropic-version"], "2023-06-01");
    assert_eq!(received.headers["anthropic-beta"], "effort-2025-11-24, pdfs-2024-09-25");
    assert_eq!(received.headers["x-brand-new"], "1; q=\"2\"");
    assert_eq!(received.headers["accept-encoding"], "identity");
    assert!(!received.headers.contains_key("x-hop"), "{:?}", received.headers);
}

#[tokio::test]
async fn an_answer_says_nothing_of_the_account_behind_the_key() {
    let house = House::new().await;
    let headers = json!({"x-brand-new": "1", "anthropic-ratelimit-brand-new": "1"});
    for script in [json!({"headers": headers}), json!({"headers": headers, "status": 429})] {
        for body in [scripted(&script), streamed(scripted(&script))] {
            let told = house.told(&body).await;
            assert_eq!(told.headers["x-brand-new"], "1");
            assert!(told.headers["request-id"].to_str().unwrap().starts_with("req_"));
            assert!(!told.headers.contains_key("anthropic-ratelimit-brand-new"));
            for name in OF_ACCOUNT {
                assert!(!told.headers.contains_key(name), "{name} passed");
            }
        }
    }
    let counted = house.request(Method::POST, "/v1/messages/count_tokens").body("{}").send().await.unwrap();
    assert!(OF_ACCOUNT.iter().all(|name| !counted.headers().contains_key(*name)), "{counted:?}");
}

#[tokio::test]
async fn a_request_arrives_byte_for_byte() {
    let house = House::new().await;
    let body = " {\r\n\t\"max_tokens\": 10 , \"top_k\":1.50, \"model\":\"claude-opus-5-\\u0035\",\"syst\\u0065m\":\"\\/\u{e9}\\ud83d\\ude00\",\
        \"messages\":[ ] }\n ";
    Told::of(house.post(body).send().await.unwrap()).await;
    assert_eq!(house.stand_in.received()[0].body, body);
    assert_eq!(house.row().await.model, "claude-opus-5-5");
}

#[tokio::test]
async fn a_streamed_answer_comes_back_byte_for_byte() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let stream = [
        b"\xef\xbb\xbf: a comment\r\nretry: 3\rid: 7\n\nevent: brand_new\ndata: {\"type\":\"brand_new\"}\n\n"
            .as_slice(),
        b"data: not json\n\ndata:\xff\xfe\x00\n\n",
        STOP.as_bytes(),
        b"event: after the end\ndata: and cut in the midd",
    ]
    .concat();
    for length in [1, 7, stream.len()] {
        let (pieces, body) = Pieces::new();
        let answer = model.answer(&house, event_stream(body)).await;
        let said = async {
            for piece in stream.chunks(length) {
                pieces.say(piece.to_vec()).await;
            }
            drop(pieces);
        };
        let (told, ()) = tokio::join!(Told::of(answer), said);
        assert_eq!(told.body, stream, "in pieces of {length}");
        assert_eq!(told.headers["content-type"], "text/event-stream; charset=utf-8");
    }
}

#[tokio::test]
async fn a_whole_answer_comes_back_byte_for_byte() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let bytes =
        b"{ \"usage\" : {\"output_tokens\":1,\"input_tokens\":1}, \"text\":\"\\u00e9\xc3\xa9\" }\r\n".as_slice();
    let told = Told::of(model.answer(&house, document(203, bytes)).await).await;
    assert_eq!((told.status.as_u16(), told.body.as_ref()), (203, bytes));
    assert_eq!(told.headers["content-type"], "application/json");
}

#[tokio::test]
async fn what_the_model_says_is_heard_at_once() {
    let house = House::new().await;
    let alive = house.caller.activity.watch();
    let script = json!({"text": "first second", "chunks": 2, "stall_after_chunks": 1});
    let mut answer = house.call(&streamed(scripted(&script))).await;
    let seen = read_until(&mut answer, "first").await;
    assert!(!seen.contains("second"), "{seen}");
    let received = house.stand_in.received().remove(0);
    assert_eq!((received.chunks_sent, received.finished), (1, false));
    assert!(alive.has_changed().unwrap(), "the session is not told that the model lives");
    assert_eq!(house.row().await.status, "open");
}

#[tokio::test]
async fn tokens_are_counted_for_nothing() {
    let house = House::new().await;
    let path = "/v1/messages/count_tokens?beta=true";
    let body = r#"{ "model":"claude-without-a-price", "messages":[] }"#;
    let told = Told::of(house.request(Method::POST, path).body(body).send().await.unwrap()).await;
    assert_eq!((told.status.as_u16(), told.json()), (200, json!({"input_tokens": 13})));
    let received = house.stand_in.received().remove(0);
    assert_eq!((received.path.as_str(), received.body.as_ref()), (path, body.as_bytes()));
    assert!(house.rows().await.is_empty());
}

#[tokio::test]
async fn an_agent_finds_itself_connected() {
    let house = House::new().await;
    for path in ["/", "/api/hello"] {
        assert_eq!(Told::of(house.request(Method::HEAD, path).send().await.unwrap()).await.status, 200);
    }
    assert!(house.stand_in.received().is_empty());
}

#[tokio::test]
async fn a_redirect_does_not_carry_the_key_anywhere() {
    let mut model = ByHand::serve().await;
    let house = House::before(&model.url).await;
    let mut elsewhere = document(307, Body::empty());
    elsewhere.headers_mut().insert("location", format!("{}/elsewhere", model.url).parse().unwrap());
    let answer = model.answer(&house, elsewhere).await;
    assert_eq!(answer.status(), 307);
    assert_eq!(house.row().await.cost.as_nanos(), 0);
}

#[tokio::test]
async fn a_model_may_be_served_below_a_path() {
    let mut model = ByHand::serve().await;
    let house = House::before(&format!("{}/prefix/", model.url)).await;
    let asked = async {
        let asked = model.next().await;
        assert_eq!(asked.request.uri(), "/prefix/v1/messages?a=b");
        assert_eq!(asked.request.headers()["x-api-key"], KEY);
        asked.answer(document(200, "{}"));
    };
    let call = house.request(Method::POST, "/v1/messages?a=b").body(hello().to_string()).send();
    let (answer, ()) = tokio::join!(call, asked);
    assert_eq!(answer.unwrap().status(), 200);
}
