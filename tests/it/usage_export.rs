//! The usage export after real sessions: what each door gives is the same, and what `/v1/usage` sums.

use std::collections::BTreeMap;

use innkeeper::domain::Usd;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Server, Tenant, bash};

/// A line of CSV by the names of its columns.
type Line = BTreeMap<String, String>;

fn lines(csv: &str) -> Vec<Line> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

fn nanos(dollars: &str) -> i64 {
    let (sign, digits) = dollars.strip_prefix('-').map_or((1, dollars), |digits| (-1, digits));
    sign * Usd::parse(digits).unwrap().as_nanos()
}

fn cost(lines: &[Line]) -> i64 {
    lines.iter().map(|line| nanos(&line["cost_usd"])).sum()
}

fn sum(lines: &[Line], column: &str) -> u64 {
    lines.iter().map(|line| line[column].parse::<u64>().unwrap()).sum()
}

async fn operator(server: &Server, path: &str) -> Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let key = server.operator_key.as_ref().unwrap();
    client.get(format!("{}/admin/v1/{path}", server.operator_url)).header("x-api-key", key).send().await.unwrap()
}

async fn own(tenant: &Tenant, query: &str) -> String {
    let response = tenant.request(Method::GET, &format!("/v1/usage/export{query}")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.text().await.unwrap()
}

/// Two tenants with sessions of two models, one of them resumed, and a call whose cost an operator put right.
async fn sessions(server: &Server) -> [Tenant; 2] {
    let tenants = [server.tenant("acme").await, server.tenant("rival").await];
    for tenant in &tenants {
        let first = json!({"prompt": bash("echo hello"), "permission_mode": "bypassPermissions",
            "model": "claude-opus-5-5"});
        let session = tenant.run(&first).await["session_id"].as_str().unwrap().to_owned();
        tenant.execute(&json!({"prompt": "more", "resume_session_id": session, "model": "claude-haiku-5-5"})).await;
        tenant.finish(&session).await;
        tenant.run(&json!({"prompt": "Say hello", "model": "claude-opus-5-5"})).await;
        let call = server.ledger(tenant, &session).await[0].id.to_string();
        server.command(&["calls", "correct", &call, "--cost", "0.01", "--reason", "=the invoice"]).await;
    }
    tenants
}

#[tokio::test]
async fn an_export_has_what_usage_sums_by_every_door() {
    let server = Server::start().await;
    let [acme, rival] = &sessions(&server).await;
    let (mut total, mut count) = (0, 0);
    for tenant in [acme, rival] {
        let rows = lines(&own(tenant, "").await);
        assert!(rows.iter().all(|row| row["tenant_id"] == tenant.id.to_string()), "another tenant's rows: {rows:?}");
        // Two models in the session that was resumed, one in the other, and the correction.
        let (correction, usage) = rows.split_last().unwrap();
        assert!(usage.len() >= 3 && usage.iter().all(|row| row["kind"] == "usage"), "{rows:?}");
        assert_eq!((correction["kind"].as_str(), correction["reason"].as_str()), ("correction", ""));
        assert_eq!(correction["corrects_call"].split_once('_').unwrap().0, "call");
        for by in ["day", "model", "session", "key"] {
            let (_, usage) = tenant.get(&format!("/v1/usage?by={by}")).await;
            let groups = usage["data"].as_array().unwrap();
            let column = format!("{by}{}", if matches!(by, "session" | "key") { "_id" } else { "" });
            for group in groups {
                let part: Vec<_> = rows.iter().filter(|row| group["group"] == row[&column]).cloned().collect();
                assert_eq!(cost(&part), nanos(group["cost_usd"].as_str().unwrap()), "{by}: {group}");
                assert_eq!(Some(sum(&part, "calls")), group["calls"].as_u64(), "{by}: {group}");
                for class in ["input_tokens", "output_tokens", "cache_read_tokens", "web_search_requests"] {
                    assert_eq!(Some(sum(&part, class)), group[class].as_u64(), "{by}: {class}: {group}");
                }
            }
            let all = groups.iter().map(|group| nanos(group["cost_usd"].as_str().unwrap())).sum::<i64>();
            assert_eq!(cost(&rows), all, "{by}");
        }
        total += cost(&rows);
        count += rows.len();
    }

    let response = operator(&server, "usage/export").await;
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    let name = response.headers()["content-disposition"].to_str().unwrap();
    assert!(name.starts_with("attachment; filename=\"innkeeper-usage-"), "{name}");
    let all = response.text().await.unwrap();
    assert_eq!((lines(&all).len(), cost(&lines(&all))), (count, total));
    assert_eq!(lines(&all).last().unwrap()["reason"], "'=the invoice");
    // The command line gives the same, also as a file.
    assert_eq!(server.command(&["usage", "export"]).await, all);
    let file = server.data.path().join("usage.csv");
    server.command(&["usage", "export", "--output", file.to_str().unwrap()]).await;
    assert_eq!(std::fs::read_to_string(file).unwrap(), all);
    let part = operator(&server, "usage/export?tenant=rival").await.text().await.unwrap();
    assert_eq!(lines(&part), lines(&all).into_iter().filter(|line| line["tenant"] == "rival").collect::<Vec<_>>());
    assert_eq!(server.command(&["usage", "export", "--tenant", &rival.id.to_string()]).await, part);

    // FOCUS says the same of the same rows, its numbers read as they are written.
    let focus = operator(&server, "usage/export?format=focus").await;
    assert_eq!(focus.headers()["content-type"], "application/x-ndjson");
    let focus = focus.text().await.unwrap();
    let costs = focus.lines().map(|line| {
        let (_, rest) = line.split_once("\"BilledCost\":").unwrap();
        nanos(rest.split_once(',').unwrap().0)
    });
    assert_eq!(costs.collect::<Vec<_>>(), lines(&all).iter().map(|line| nanos(&line["cost_usd"])).collect::<Vec<_>>());
    let line: Value = serde_json::from_str(focus.lines().next().unwrap()).unwrap();
    assert_eq!((&line["SubAccountId"], &line["SkuId"]), (&json!(acme.id.to_string()), &json!(lines(&all)[0]["model"])));

    let table = server.command(&["usage"]).await;
    let words: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((words.len(), words[3][0], nanos(words[3][6])), (4, "(all)", total), "{table}");
    assert_eq!(words[3][1], sum(&lines(&all), "calls").to_string());
}

#[tokio::test]
async fn an_export_without_rows_has_its_names_and_one_that_cannot_be_is_refused() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let empty = own(&tenant, "?from=2020-01-01&to=2020-02-01").await;
    assert!(empty.starts_with("day,tenant_id,tenant,session_id,model,") && empty.lines().count() == 1, "{empty}");
    assert_eq!(own(&tenant, "?format=focus").await, "");
    for (query, word) in [
        ("?from=2020-01-01T01:00:00Z", "whole days"),
        ("?format=xlsx", "csv or focus"),
        ("?to=2020-01-01", "there is no day"),
        ("?tenant=rival", "unknown field `tenant`"),
    ] {
        let (status, answer) = tenant.get(&format!("/v1/usage/export{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(word), "{query}: {answer}");
    }
    let response = operator(&server, "usage/export?tenant=nobody").await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.text().await.unwrap().contains("there is no tenant with the name or id `nobody`"));
}
