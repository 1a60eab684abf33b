//! What of a repository's own configuration has an effect: nothing, but for what its tenant is granted.
//!
//! The repository here has everything the agent could heed, and each thing leaves its mark: a word the model gets to
//! read, a file in the workspace, a variable of a tool.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{MODEL_KEY, Server, Tenant, script, tool_results};

/// Where nothing listens.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A tool of MCP that only says its name.
const MCP_SERVER: &str = r"
import json, pathlib, sys
pathlib.Path('/workspace/made-by-mcp').touch()
for line in sys.stdin:
    asked = json.loads(line)
    if 'id' not in asked:
        continue
    result = {}
    if asked['method'] == 'initialize':
        result = {'protocolVersion': asked['params']['protocolVersion'], 'capabilities': {'tools': {}},
                  'serverInfo': {'name': 'own', 'version': '1'}}
    if asked['method'] == 'tools/list':
        result = {'tools': [{'name': 'ping', 'inputSchema': {'type': 'object'}}]}
    print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': result}), flush=True)
";

fn furnish(root: &Path) {
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let hook =
        |name: &str| json!([{"hooks": [{"type": "command", "command": format!("touch /workspace/made-by-{name}")}]}]);
    let settings = json!({
        "env": {
            "OF_THE_REPOSITORY": "seen",
            "ANTHROPIC_BASE_URL": NOWHERE,
            "ANTHROPIC_UNIX_SOCKET": "/tmp/elsewhere.sock",
            "CLAUDE_CODE_DISABLE_CLAUDE_MDS": "0",
            "CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD": "1",
        },
        "apiKeyHelper": "touch /workspace/made-by-key-helper; echo sk-of-the-repository",
        "enableAllProjectMcpServers": true,
        "hooks": {"SessionStart": hook("start-hook"), "PreToolUse": hook("tool-hook"), "Stop": hook("stop-hook")},
    });
    write(".claude/settings.json", &settings.to_string());
    write("CLAUDE.md", "MARK-CLAUDE-MD @imported.md\n");
    write("imported.md", "MARK-IMPORTED\n");
    let further = script(&json!({"tools": [{"name": "Bash", "input": {"command": "true"}}]}));
    let body = format!("MARK-SKILL-BODY {further} !`touch /workspace/made-by-skill-shell`\n");
    let hooks = json!({"PreToolUse": hook("skill-hook")});
    let skill = format!("---\nname: demo\ndescription: MARK-SKILL\nhooks: {hooks}\n---\n{body}");
    write(".claude/skills/demo/SKILL.md", &skill);
    write(".claude/commands/greet.md", "---\ndescription: MARK-COMMAND\n---\ngreet\n");
    write(".claude/agents/helper.md", "---\nname: helper\ndescription: MARK-AGENT\n---\nhelp\n");
    write("server.py", MCP_SERVER);
    let servers = json!({"mcpServers": {"own": {"command": "python3", "args": ["/workspace/server.py"]}}});
    write(".mcp.json", &servers.to_string());
}

/// Runs a turn that uses tools and tries the skill, and answers every mark it left and how it ended.
async fn marks(server: &Server, tenant: &Tenant) -> (BTreeSet<String>, Value) {
    server.stand_in.forget();
    let prompt = script(&json!({"tools": [
        {"name": "Bash", "input": {"command": "echo variable=$OF_THE_REPOSITORY"}},
        // Its text is what the model follows from here on.
        {"name": "Skill", "input": {"skill": "demo"}},
    ]}));
    let status = tenant.run_freely(&prompt).await;
    let mut marks = BTreeSet::new();
    for call in server.stand_in.received() {
        assert_eq!(call.headers["x-api-key"], MODEL_KEY, "{}", call.path);
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let names = ["mcp__plugin_repository-mcp_own__ping", "mcp__own__ping"];
        if names.iter().any(|name| body.contains(name)) {
            marks.insert("MCP tool".to_owned());
        }
        for (at, _) in body.match_indices("MARK-") {
            let word = body[at..].chars().take_while(|letter| letter.is_ascii_uppercase() || *letter == '-');
            marks.insert(word.collect());
        }
    }
    for entry in std::fs::read_dir(&tenant.root).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("made-by-") {
            std::fs::remove_file(entry.path()).unwrap();
            marks.insert(name);
        }
    }
    if tool_results(&status).contains(&"variable=seen".to_owned()) {
        marks.insert("variable".to_owned());
    }
    (marks, status)
}

#[tokio::test]
async fn nothing_of_the_repository_has_an_effect_unless_it_is_granted_and_each_grant_has_its_own() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    furnish(&tenant.root);
    let claude_md = ["MARK-CLAUDE-MD", "MARK-IMPORTED"];
    let mcp = ["MCP tool", "made-by-mcp"];
    let skills = ["MARK-SKILL", "MARK-SKILL-BODY"];
    let settings = [
        "MARK-AGENT",
        "MARK-COMMAND",
        "MARK-SKILL",
        "MARK-SKILL-BODY",
        "made-by-key-helper",
        "made-by-skill-hook",
        "made-by-skill-shell",
        "made-by-start-hook",
        "made-by-stop-hook",
        "made-by-tool-hook",
        "variable",
    ];
    for (granted, expected) in [
        ("", vec![]),
        (r#"["claude_md"]"#, claude_md.to_vec()),
        (r#"["skills"]"#, skills.to_vec()),
        (r#"["mcp_servers"]"#, mcp.to_vec()),
        (r#"["settings"]"#, settings.to_vec()),
        (r#"["claude_md", "skills", "mcp_servers"]"#, [&claude_md[..], &skills, &mcp].concat()),
        (r#"["claude_md", "skills", "settings", "mcp_servers"]"#, [&claude_md[..], &settings, &mcp].concat()),
    ] {
        server.command(&["limits", "set", "acme", &format!("repository={granted}")]).await;
        let (marks, status) = marks(&server, &tenant).await;
        assert_eq!(status["status"], "completed", "{granted}: {status}");
        assert_eq!(marks, expected.into_iter().map(str::to_owned).collect(), "{granted}");
    }
}

#[tokio::test]
async fn a_grant_of_what_the_repository_does_not_have_is_no_fault() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let all = r#"repository=["claude_md", "skills", "settings", "mcp_servers"]"#;
    for granted in [all, r#"repository=["claude_md", "skills", "mcp_servers"]"#] {
        server.command(&["limits", "set", "acme", granted]).await;
        let (marks, status) = marks(&server, &tenant).await;
        assert_eq!(status["status"], "completed", "{granted}: {status}");
        assert_eq!(marks, BTreeSet::new(), "{granted}");
    }
}
