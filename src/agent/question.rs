//! What the agent asks of whoever drives it (`control_request`), and the answers.
//!
//! Nobody sits at the other end. Every request is answered at once, because the agent waits for the answer without a bound:
//! what cannot be served is declined in the form its kind expects, and a kind of a later version with an error.

use serde_json::{Value, json};

use super::json::Fields;

/// What the model is told when a tool needs somebody's consent.
const NOBODY: &str = "Nobody can be asked in this session: what its permission mode does not allow is refused.";

/// A request of the agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Its id, which the answer names.
    id: Value,
    /// Its kind.
    subtype: String,
    /// The tool it is about, if it is about one.
    pub(super) tool: Option<String>,
    /// The plan it shows, if it asks for a plan's approval.
    pub(super) plan: Option<String>,
}

impl Question {
    /// Reads a `control_request`; `None` when it has no id, so that no answer can reach it.
    pub(super) fn read(line: &Fields<'_>) -> Option<Self> {
        let request = line.object("request");
        Some(Self {
            id: Some(line.value("request_id")).filter(|id| !id.is_null())?,
            subtype: request.text("subtype").unwrap_or_default(),
            tool: request.text("tool_name"),
            plan: request.object("input").text("plan"),
        })
    }

    /// The answer that declines it.
    pub fn decline(&self) -> String {
        match self.subtype.as_str() {
            "can_use_tool" => self.deny(NOBODY, false),
            "elicitation" => self.succeed(&json!({ "action": "decline" })),
            other => {
                let error = format!("innkeeper does not serve requests of the kind `{other}`");
                let response = json!({ "subtype": "error", "request_id": self.id, "error": error });
                json!({ "type": "control_response", "response": response }).to_string()
            }
        }
    }

    /// The answer that denies the use of a tool, and ends the turn with it if `interrupt` says so.
    pub(super) fn deny(&self, message: &str, interrupt: bool) -> String {
        self.succeed(&json!({ "behavior": "deny", "message": message, "interrupt": interrupt }))
    }

    fn succeed(&self, answer: &Value) -> String {
        let response = json!({ "subtype": "success", "request_id": self.id, "response": answer });
        json!({ "type": "control_response", "response": response }).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declined(request: &str) -> Value {
        let line = format!(r#"{{"type":"control_request","request_id":"r1","request":{request}}}"#);
        let question = Question::read(&Fields::read(&line).unwrap()).unwrap();
        serde_json::from_str(&question.decline()).unwrap()
    }

    #[test]
    fn every_kind_of_request_is_declined_in_its_own_form() {
        let answer = declined(r#"{"subtype":"can_use_tool","tool_name":"Bash","input":{}}"#);
        assert_eq!(answer["type"], "control_response");
        assert_eq!(answer["response"]["request_id"], "r1");
        assert_eq!(answer["response"]["response"]["behavior"], "deny");
        let answer = declined(r#"{"subtype":"elicitation","mcp_server_name":"x","message":"?"}"#);
        assert_eq!(answer["response"]["response"], json!({ "action": "decline" }));
        for kind in ["hook_callback", "mcp_message", "request_user_dialog", "oauth_token_refresh", "of_the_future", ""]
        {
            let answer = declined(&format!(r#"{{"subtype":"{kind}"}}"#));
            assert_eq!(answer["response"]["subtype"], "error", "{kind}");
        }
        for request in ["null", "7", "{}", r#"{"subtype":7}"#] {
            assert_eq!(declined(request)["response"]["subtype"], "error", "{request}");
        }
    }

    #[test]
    fn a_request_without_an_id_cannot_be_answered() {
        for line in [r#"{"request":{"subtype":"x"}}"#, r#"{"request_id":null,"request":{"subtype":"x"}}"#] {
            assert_eq!(Question::read(&Fields::read(line).unwrap()), None);
        }
    }
}
