//! Work with git in a sandbox: commits, repositories that belong to somebody else, and what programs ask about their user.

use std::process::Command;

use serde_json::json;

use crate::harness::{Server, bash, tool_results};

#[tokio::test]
async fn commits_have_an_author_and_a_caller_may_name_another() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let commit =
        "git init -q app && cd app && echo 1 > a && git add a && git commit -qm first && git log --format='%an <%ae>'";
    let body = json!({"prompt": bash(commit), "permission_mode": "bypassPermissions"});
    assert_eq!(tool_results(&tenant.run(&body).await), ["innkeeper agent <agent@innkeeper.invalid>"]);

    let again = "cd app && git commit -q --allow-empty -m second && git log -1 --format='%an <%ae>'";
    let env = json!({"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com"});
    let body = json!({"prompt": bash(again), "permission_mode": "bypassPermissions", "env": env});
    assert_eq!(tool_results(&tenant.run(&body).await), ["Ada <ada@example.com>"]);

    // What the repository itself says stands above the default.
    let own = "cd app && git config user.name Bob && git commit -q --allow-empty -m third && git log -1 --format=%an";
    let body = json!({"prompt": bash(own), "permission_mode": "bypassPermissions"});
    assert_eq!(tool_results(&tenant.run(&body).await), ["Bob"]);
}

#[tokio::test]
async fn a_repository_of_another_owner_can_be_read() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    // Whoever runs the tests owns it; the sandbox runs as the owner of the workspace.
    let made = Command::new("git").args(["init", "--quiet"]).arg(tenant.root.join("shared")).status().unwrap();
    assert!(made.success());
    let prompt = bash("cd shared && git status --porcelain && echo clean");
    let body = json!({"prompt": prompt, "permission_mode": "bypassPermissions"});
    assert_eq!(tool_results(&tenant.run(&body).await), ["clean"]);
}

#[tokio::test]
async fn programs_find_their_user_their_host_and_their_language() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let prompt = bash(
        "whoami; getent hosts localhost | grep -c localhost; node -p 'require(\"os\").userInfo().username'; \
         python3 -c 'print(\"\\u00e9\", open(\"/etc/hosts\").encoding)'; date -d @0 +%Z",
    );
    let body = json!({"prompt": prompt, "permission_mode": "bypassPermissions"});
    assert_eq!(tool_results(&tenant.run(&body).await), ["agent\n1\nagent\n\u{e9} UTF-8\nUTC"]);
}
