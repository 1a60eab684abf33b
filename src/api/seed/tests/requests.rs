//! Requests to execute that are taken, and what is made of them.

use super::read_json;
use crate::api::seed::validate::ExecuteRequest;
use crate::domain::{PermissionMode, TurnSpec};

async fn taken(body: &str) -> ExecuteRequest {
    read_json(body.as_bytes()).await.unwrap_or_else(|fault| panic!("{body}: {fault:?}"))
}

fn plain(prompt: &str) -> ExecuteRequest {
    ExecuteRequest {
        prompt: prompt.to_owned(),
        cwd: None,
        resume: None,
        spec: TurnSpec::default(),
        warnings: Vec::new(),
    }
}

#[tokio::test]
async fn a_prompt_loses_the_space_around_it() {
    for body in [
        r#"{"prompt":"hi"}"#,
        r#"{"prompt":" hi\n"}"#,
        r#"{"prompt":"\u3000\u001c hi\u00a0"}"#,
        r#"{"prompt":1,"prompt":"hi"}"#,
    ] {
        assert_eq!(taken(body).await, plain("hi"), "{body}");
    }
    assert_eq!(taken(r#"{"prompt":"\ud83d\ude00 \u200b"}"#).await, plain("😀 \u{200b}"));
}

#[tokio::test]
async fn a_field_that_is_not_known_is_ignored_with_a_warning() {
    let request =
        taken(r#"{"prompt":"x","other":{"a":[1e400,"\ud800"]},"Prompt":5,"max_turn":3,"limit":{},"limit":1}"#).await;
    let of = |name: &str, hint: &str| format!("the field `{name}` is not known and was ignored{hint}");
    let warnings = [
        of("other", ""),
        of("Prompt", "; did you mean `prompt`?"),
        of("max_turn", "; did you mean `max_turns`?"),
        of("limit", "; did you mean `limits`?"),
    ];
    assert_eq!(request, ExecuteRequest { warnings: warnings.into(), ..plain("x") });
    let many = (0..10_000).map(|number| format!(r#""field_{number}{}":1"#, "x".repeat(1_000))).collect::<Vec<_>>();
    let warnings = taken(&format!(r#"{{"prompt":"x",{}}}"#, many.join(","))).await.warnings;
    assert_eq!(warnings.len(), 20);
    assert!(warnings.iter().all(|warning| warning.len() < 200));
}

#[tokio::test]
async fn a_blank_field_is_as_good_as_none() {
    for body in [
        r#"{"prompt":"x","system_prompt":null,"permission_mode":null,"model":null,"cwd":null,"max_turns":null}"#,
        r#"{"prompt":"x","env":null,"allowed_tools":null,"disallowed_tools":null,"resume_session_id":null}"#,
        r#"{"prompt":"x","system_prompt":" \n","model":"","cwd":"","resume_session_id":""}"#,
        r#"{"prompt":"x","env":{},"allowed_tools":[],"disallowed_tools":[]}"#,
    ] {
        assert_eq!(taken(body).await, plain("x"), "{body}");
    }
}

#[tokio::test]
async fn everything_asked_for_is_taken() {
    let request = taken(
        r#"{"prompt":"x","system_prompt":" be brief ","permission_mode":"acceptEdits","model":"m","cwd":"/srv/a b",
            "max_turns":100,"allowed_tools":["Bash","Read"],"disallowed_tools":["Bash(rm:*)"],
            "env":{"B":"2","A":"","B":"3"},"resume_session_id":"some session",
            "egress_hosts":["Packages.example.com:443","*.example.org:443"]}"#,
    )
    .await;
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let spec = TurnSpec {
        model: Some("m".to_owned()),
        system_prompt: Some("be brief".to_owned()),
        permission_mode: Some(PermissionMode::AcceptEdits),
        allowed_tools: texts(&["Bash", "Read"]),
        disallowed_tools: texts(&["Bash(rm:*)"]),
        max_turns: Some(100),
        env: [("A", ""), ("B", "3")].map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        egress_hosts: Some(["packages.example.com:443", "*.example.org:443"].map(|host| host.parse().unwrap()).into()),
        ..TurnSpec::default()
    };
    let (cwd, resume) = (Some("/srv/a b".to_owned()), Some("some session".to_owned()));
    assert_eq!(request, ExecuteRequest { prompt: "x".to_owned(), cwd, resume, spec, warnings: Vec::new() });
}

#[tokio::test]
async fn no_hosts_are_not_as_good_as_none_named() {
    assert_eq!(taken(r#"{"prompt":"x","egress_hosts":[]}"#).await.spec.egress_hosts, Some(vec![]));
    assert_eq!(taken(r#"{"prompt":"x","egress_hosts":null}"#).await.spec.egress_hosts, None);
}

#[tokio::test]
async fn a_number_of_turns_is_written_in_many_ways() {
    for (value, turns) in
        [("5", 5), (r#""5""#, 5), ("5.0", 5), (r#"" 5.0 ""#, 5), ("1e2", 100), ("true", 1), (r#""1_0""#, 10)]
    {
        let request = taken(&format!(r#"{{"prompt":"x","max_turns":{value}}}"#)).await;
        assert_eq!(request.spec.max_turns, Some(turns), "{value}");
    }
}
