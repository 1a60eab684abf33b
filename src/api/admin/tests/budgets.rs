//! Budgets through the admin API: pages, and amounts within bounds.

use http::{Method, StatusCode};
use serde_json::json;

use super::http::Admin;

#[tokio::test]
async fn budgets_are_listed_page_by_page() {
    let admin = Admin::start().await;
    for number in 1..=5 {
        let new = json!({"period": "total", "limit_usd": number.to_string()});
        assert_eq!(admin.ask(Method::POST, "/admin/v1/budgets", new).await.0, StatusCode::CREATED);
    }
    let (mut limits, mut path) = (Vec::new(), "/admin/v1/budgets?limit=2".to_owned());
    loop {
        let (status, page) = admin.ask(Method::GET, &path, json!({})).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 2);
        limits.extend(data.iter().map(|budget| budget["limit_usd"].as_str().unwrap().to_owned()));
        let Some(after) = page["next_after"].as_str() else { break };
        path = format!("/admin/v1/budgets?limit=2&after={after}");
    }
    assert_eq!(limits, ["1", "2", "3", "4", "5"]);
    for bad in ["after=x", "after=budget_00000000000000000000000000000000", "page=2"] {
        let (status, answer) = admin.ask(Method::GET, &format!("/admin/v1/budgets?{bad}"), json!({})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}: {answer}");
    }
}

#[tokio::test]
async fn amounts_beyond_their_bounds_are_refused_in_words() {
    let admin = Admin::start().await;
    let (_, budget) = admin.ask(Method::POST, "/admin/v1/budgets", json!({"period": "day", "limit_usd": "5"})).await;
    let budget = format!("/admin/v1/budgets/{}", budget["id"].as_str().unwrap());
    let top_up = format!("{budget}/top_up");
    for amount in ["1000000000.000000001", "9223372036", "99999999999999999999", "-1", "1e9"] {
        for (method, path, body) in [
            (Method::POST, "/admin/v1/budgets", json!({"period": "day", "limit_usd": amount})),
            (Method::PATCH, &budget, json!({"limit_usd": amount})),
            (Method::POST, &top_up, json!({"amount_usd": amount, "reason": "more"})),
        ] {
            let (status, answer) = admin.ask(method, path, body).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {amount}: {answer}");
            assert!(answer["error"]["message"].as_str().unwrap().contains(amount), "{answer}");
        }
    }
    let (status, _) = admin.ask(Method::PATCH, &budget, json!({"limit_usd": "1000000000"})).await;
    assert_eq!(status, StatusCode::OK);
}
