//! What the stand-in reads out of a Messages request: the prompt that decides, and how far its turn has come.

use serde::Deserialize;
use serde_json::Value;

/// What text blocks that no person wrote begin with: the agent wraps its own remarks in user messages.
const REMARKS: [&str; 5] =
    ["<system-reminder>", "[Request interrupted by user", "<local-command-", "<command-name>", "<command-message>"];

/// How the agent tells the model where it works.
const WORKING_DIRECTORY: &str = "orking directory: ";

/// The fields of a Messages request that matter here; the rest is ignored.
#[derive(Debug, Deserialize)]
pub(super) struct MessagesRequest {
    /// The model asked for.
    pub(super) model: String,
    /// The most output tokens the caller pays for.
    pub(super) max_tokens: u64,
    /// Whether the answer is to come as server-sent events.
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(default)]
    system: Option<Content>,
    messages: Vec<Message>,
    #[serde(default)]
    tools: Vec<OfferedTool>,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    output_config: Option<OutputConfig>,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: Content,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a string or an array of content blocks")]
enum Content {
    Text(String),
    Blocks(Vec<Block>),
}

#[derive(Debug, Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    /// Of a tool result: a string or blocks.
    #[serde(default)]
    content: Value,
}

#[derive(Debug, Deserialize)]
struct OfferedTool {
    #[serde(default)]
    name: String,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    #[serde(default)]
    user_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct OutputConfig {
    #[serde(default)]
    format: Option<OutputFormat>,
}

#[derive(Debug, Deserialize)]
struct OutputFormat {
    #[serde(default)]
    schema: Value,
}

/// The turn a request belongs to: the prompt that opened it, and what happened since.
#[derive(Debug, PartialEq)]
pub(super) struct Turn<'request> {
    /// The last text that a person wrote: it decides what is answered.
    pub(super) prompt: &'request str,
    /// What people wrote before it, oldest first.
    pub(super) earlier: Vec<&'request str>,
    /// How many tools the model has called since the prompt.
    pub(super) tool_calls: usize,
    /// What those tools answered, oldest first.
    pub(super) tool_results: Vec<String>,
}

impl MessagesRequest {
    /// The turn that this request continues; `None` when nobody has said anything.
    pub(super) fn turn(&self) -> Option<Turn<'_>> {
        let is_prompt = |message: &Message| message.role == "user" && message.content.prompts().next().is_some();
        let opened = self.messages.iter().rposition(is_prompt)?;
        let mut earlier: Vec<&str> = self.messages[..=opened]
            .iter()
            .filter(|message| message.role == "user")
            .flat_map(|message| message.content.prompts())
            .collect();
        let prompt = earlier.pop()?;
        let since = &self.messages[opened + 1..];
        let blocks = || since.iter().flat_map(|message| message.content.blocks());
        Some(Turn {
            prompt,
            earlier,
            tool_calls: blocks().filter(|block| block.kind == "tool_use").count(),
            tool_results: blocks().filter(|block| block.kind == "tool_result").map(Block::result).collect(),
        })
    }

    /// Whether the model may call the tool `name`.
    pub(super) fn offers(&self, name: &str) -> bool {
        self.tools.iter().any(|tool| tool.name == name)
    }

    /// Whether the model may call any tool.
    pub(super) fn offers_tools(&self) -> bool {
        !self.tools.is_empty()
    }

    /// The JSON schema that the answer has to fit, when there is one.
    pub(super) fn output_schema(&self) -> Option<&Value> {
        Some(&self.output_config.as_ref()?.format.as_ref()?.schema)
    }

    /// Whether the system prompt contains `words`.
    pub(super) fn is_told(&self, words: &str) -> bool {
        self.system.iter().flat_map(Content::texts).any(|text| text.contains(words))
    }

    /// Whether the model has answered before in this conversation.
    pub(super) fn is_continued(&self) -> bool {
        self.messages.iter().any(|message| message.role == "assistant")
    }

    /// Who says that they are asking: the same for all requests of one conversation.
    pub(super) fn caller(&self) -> &str {
        self.metadata.as_ref().and_then(|metadata| metadata.user_id.as_deref()).unwrap_or_default()
    }

    /// The directory the agent says it works in.
    pub(super) fn working_directory(&self) -> Option<&str> {
        let said = self.messages.iter().map(|message| &message.content);
        self.system.iter().chain(said).flat_map(Content::texts).find_map(|text| {
            let (_, after) = text.split_once(WORKING_DIRECTORY)?;
            let directory = after.lines().next()?.trim();
            directory.starts_with('/').then_some(directory)
        })
    }
}

impl Content {
    fn blocks(&self) -> &[Block] {
        match self {
            Self::Text(_) => &[],
            Self::Blocks(blocks) => blocks,
        }
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let whole = match self {
            Self::Text(text) => Some(text.as_str()),
            Self::Blocks(_) => None,
        };
        let of_blocks = self.blocks().iter().filter(|block| block.kind == "text");
        whole.into_iter().chain(of_blocks.filter_map(|block| block.text.as_deref()))
    }

    /// The texts that a person wrote.
    fn prompts(&self) -> impl Iterator<Item = &str> {
        self.texts().filter(|text| {
            let text = text.trim_start();
            !text.is_empty() && !REMARKS.iter().any(|remark| text.starts_with(remark))
        })
    }
}

impl Block {
    /// The text of a tool result.
    fn result(&self) -> String {
        let blocks = self.content.as_array().into_iter().flatten();
        let texts = blocks.filter_map(|block| block.get("text")?.as_str());
        self.content.as_str().into_iter().chain(texts).collect::<Vec<_>>().join("\n")
    }
}
