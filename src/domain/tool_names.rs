//! The tools an agent may have, by name: a list that names another has no effect, and is a mistake as a rule.

use super::tool_rules;

/// Tools of the agent, and what they are called at the model API where the provider runs them.
const KNOWN: [&str; 37] = [
    "Agent",
    "AskUserQuestion",
    "Bash",
    "BashOutput",
    "Edit",
    "EnterPlanMode",
    "EnterWorktree",
    "ExitPlanMode",
    "ExitWorktree",
    "Glob",
    "Grep",
    "KillShell",
    "LS",
    "LSP",
    "ListMcpResourcesTool",
    "Monitor",
    "MultiEdit",
    "NotebookEdit",
    "NotebookRead",
    "Read",
    "ReadMcpResourceTool",
    "SendMessage",
    "ScheduleWakeup",
    "Skill",
    "SlashCommand",
    "StructuredOutput",
    "Task",
    "TaskCreate",
    "TaskGet",
    "TaskList",
    "TaskOutput",
    "TaskStop",
    "TaskUpdate",
    "TodoWrite",
    "ToolSearch",
    "WebFetch",
    "WebSearch",
];

/// Those of `lists` that name no tool of the agent. Tools of MCP servers (`mcp__…`) are known to their server alone.
pub fn unknown<S: AsRef<str>>(lists: &[S]) -> Vec<String> {
    let rules = tool_rules::split(lists);
    let names = rules.iter().map(|rule| tool_rules::tool(rule));
    let is_known =
        |name: &&str| KNOWN.contains(name) || *name == "Write" || name.starts_with("mcp__") || name.starts_with("web_");
    names.filter(|name| !is_known(name)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_not_there_is_found() {
        assert_eq!(unknown(&["Bash(git *), Reed", "mcp__tickets__read", "bash"]), ["Reed", "bash"]);
        assert!(unknown(&["Write", "Read,Edit"]).is_empty());
    }
}
