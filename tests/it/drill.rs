//! The drill: every probe holds on this machine, and each can fail, because the one guard it is about is taken away.

use std::path::PathBuf;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::drill_installation::{Installation, sandbox_image};
use crate::drill_weaknesses::{OF_ROOT, WEAKNESSES, Weaken, Weakness, another_workspace};
use crate::harness::{Server, docker, eventually};

/// How many drills are held at the same time.
const PARALLEL: usize = 2;

#[tokio::test]
async fn every_probe_holds_on_this_machine_and_nothing_is_left() {
    let installation = Installation::new(None).await;
    let kept = installation.data.path().join("report.json");
    let (all_held, report) = installation.drill(&["--report", kept.to_str().unwrap()]).await;
    let probes = report["probes"].as_array().unwrap();
    let not_held: Vec<_> = probes.iter().filter(|probe| probe["outcome"] != "held").collect();
    assert!(all_held && not_held.is_empty(), "{not_held:#?}");
    assert!(probes.len() >= 40, "{}", probes.len());
    assert_eq!(installation.left(), Vec::<PathBuf>::new());
    let written: Value = serde_json::from_slice(&std::fs::read(kept).unwrap()).unwrap();
    assert_eq!(written, report);
    let dated: Vec<_> = std::fs::read_dir(installation.data.path().join("drills")).unwrap().collect();
    assert_eq!(dated.len(), 1);
}

#[tokio::test]
async fn every_probe_breaks_when_its_guard_is_taken_away() {
    let is_root = rustix::process::geteuid().is_root();
    let chosen = std::env::var_os("DRILL_WEAKNESS").map(|name| name.into_string().unwrap());
    let weaknesses = WEAKNESSES.iter().filter(|Weakness(probe, ..)| is_root || !OF_ROOT.contains(probe));
    let weaknesses = weaknesses.filter(|Weakness(probe, ..)| chosen.as_ref().is_none_or(|name| name == probe));
    let attempts: Vec<_> = weaknesses
        .map(|&Weakness(probe, guard, weaken)| async move {
            let installation = Installation::new(Some(weaken)).await;
            let (all_held, report) = installation.drill(&["--only", probe]).await;
            let found = report["probes"][0].clone();
            let broke = !all_held && found["probe"] == probe && found["outcome"] == "broke";
            (!broke).then(|| format!("without {guard}: {found}"))
        })
        .collect();
    let missed: Vec<_> = stream::iter(attempts).buffered(PARALLEL).filter_map(async |missed| missed).collect().await;
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// The wall behind the first: the shim sees that another directory was mounted, and starts nothing.
#[tokio::test]
async fn another_directory_in_the_workspaces_place_is_held_by_the_shim() {
    let swap: Weaken = |body, data| {
        another_workspace(body, data);
    };
    let (all_held, report) = Installation::new(Some(swap)).await.drill(&["--only", "swapped_workspace"]).await;
    assert!(all_held, "{report}");
}

/// An agent that is not told to leave the repository's settings alone.
const FORGETFUL: &str = r#"RUN mv /usr/local/bin/claude /usr/local/bin/claude.real \
 && printf '%s\n' '#!/bin/bash' 'for each; do case $each in --setting-sources=*|--strict-mcp-config) ;; *) kept+=("$each");; esac; done' \
    'exec /usr/local/bin/claude.real "${kept[@]}"' > /usr/local/bin/claude && chmod 0755 /usr/local/bin/claude
"#;

/// The traps of the repository are real ones: an agent that is started with the repository's settings walks into them.
#[tokio::test]
async fn a_repository_is_heard_when_the_agent_is_started_with_its_settings() {
    let base = sandbox_image().unwrap_or_else(|| "innkeeper-sandbox:latest".to_owned());
    let image = format!("innkeeper-drill-test:{}", std::process::id());
    let mut installation = Installation::new(None).await;
    std::fs::write(installation.data.path().join("Dockerfile"), format!("FROM {base}\n{FORGETFUL}")).unwrap();
    let place = installation.data.path().join("Dockerfile");
    let empty = installation.data.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    docker(&["build", "--quiet", "--tag", &image, "--file", place.to_str().unwrap(), empty.to_str().unwrap()]).await;
    installation.image = Some(image.clone());
    let (all_held, report) = installation.drill(&["--only", "repository_settings"]).await;
    docker(&["rmi", &image]).await;
    let seen = report["probes"][0]["seen"].as_str().unwrap_or_default();
    assert!(!all_held, "{report}");
    for words in ["settings-session", "settings-prompt", "local-session", "mcp", "CLAUDE.md says"] {
        assert!(seen.contains(words), "{words} is not in {seen}");
    }
}

#[tokio::test]
async fn a_probe_or_class_that_there_is_not_is_refused_by_its_name() {
    let installation = Installation::new(None).await;
    for arguments in [["--only", "fork_bom"], ["--class", "bombs"]] {
        let output = installation.program(&arguments).output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(arguments[1]) && said.contains("--list"), "{said}");
    }
    let listed = installation.program(&["--list"]).output().await.unwrap();
    assert!(listed.status.success() && String::from_utf8(listed.stdout).unwrap().contains("fork_bomb"));
}

#[tokio::test]
async fn a_server_holds_a_drill_when_it_has_started_and_tells_of_each_probe() {
    let server = Server::start_with(&[("drill.at_start", "true"), ("drill.parallel", "4")]).await;
    let key = server.operator_key.clone().unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let metrics = eventually(async || {
        let request = http.get(format!("{}/metrics", server.operator_url)).header("x-api-key", &key);
        let metrics = request.send().await.unwrap().text().await.unwrap();
        metrics.contains("innkeeper_drill_last_run_timestamp_seconds ").then_some(metrics)
    })
    .await;
    let passed: Vec<_> = metrics.lines().filter(|line| line.starts_with("innkeeper_drill_probe_passed{")).collect();
    assert!(passed.len() >= 40 && passed.iter().all(|line| line.ends_with("} 1")), "{passed:#?}");
    assert!(passed.iter().any(|line| line.contains(r#"probe="fork_bomb""#)));
    assert!(server.log().contains("every probe held"));
}

/// What an operator must not miss.
#[tokio::test]
async fn a_server_whose_sandboxes_do_not_hold_says_so_aloud() {
    let weak: Weaken = |body, _| body["HostConfig"]["ReadonlyRootfs"] = json!(false);
    let installation = Installation::new(Some(weak)).await;
    let endpoint = installation.endpoint();
    let settings = [("drill.at_start", "true"), ("drill.parallel", "3"), ("engine.endpoint", &endpoint)];
    let server = Server::start_with(&settings).await;
    eventually(async || server.log().contains("DO NOT HOLD").then_some(())).await;
    let log = server.log();
    for words in ["a probe of the drill did not hold", "innkeeper drill --only root_filesystem", "ERROR"] {
        assert!(log.contains(words), "{words} is not in the log");
    }
}
