//! What one tenant may use, where that differs from what the installation gives everybody.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::count::optional_count;
use super::object::optional_object;
use super::{EgressHost, PermissionMode, RepositoryGrant, TenantRates, TurnSpec, tool_rules};

/// A tenant's limits. What is absent is as the installation's settings say.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TenantLimits {
    /// Sessions that may have a sandbox at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_running: Option<usize>,
    /// Sessions that may wait for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_waiting: Option<usize>,
    /// Bytes of the requests of sessions that wait.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_count")]
    pub max_waiting_bytes: Option<u64>,
    /// Bytes its sessions may hold in the store; one that begins beyond it is refused.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_count")]
    pub max_stored_bytes: Option<u64>,
    /// Rounds of model and tools a turn may take; a request that asks for more gets this many.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Int64, maximum = 4_294_967_295_i64)]
    pub max_turns: Option<u32>,
    /// How long a turn may take.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_count")]
    pub turn_timeout_ms: Option<u64>,
    /// How long a sandbox may live.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_count")]
    pub total_timeout_ms: Option<u64>,
    /// What a sandbox may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<i64>,
    /// Processors a sandbox may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<f64>,
    /// Processes a sandbox may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<i64>,
    /// The only models its sessions may ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// The only tools its sessions have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<String>>,
    /// The only sandbox images its sessions may ask for; the first is what a session gets that names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<String>>,
    /// The only permission modes its sessions may ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission_modes: Option<Vec<PermissionMode>>,
    /// How fast its calls may come.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_object")]
    pub rates: Option<TenantRates>,
    /// Bytes its workspaces may hold: a session over it is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_bytes: Option<i64>,
    /// Bytes an agent may say in a turn: one over it is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<i64>,
    /// The hosts its sandboxes may reach; none unless they are granted here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, example = json!([]))]
    pub egress_hosts: Option<Vec<EgressHost>>,
    /// What of the repository's own configuration its agents read; nothing unless it is granted here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<RepositoryGrant>>)]
    pub repository: Option<BTreeSet<RepositoryGrant>>,
    /// Whether changes of files that would run later on somebody's host are undone after each session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<bool>,
    /// The OCI runtime of its sandboxes, by the engine's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// For how many days its sessions are kept after they ended; 0: until they are deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Int64, maximum = 4_294_967_295_i64)]
    pub retention_days: Option<u32>,
    /// Whether its agents export OpenTelemetry, where the settings name an endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_telemetry: Option<bool>,
}

/// A turn asks for what its tenant may not have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// A model.
    #[error("the model `{asked}` is not allowed for this tenant; allowed are: {}", .allowed.join(", "))]
    Model {
        /// The one asked for.
        asked: String,
        /// Those that are allowed.
        allowed: Vec<String>,
    },
    /// A tool.
    #[error("the tool `{asked}` is not allowed for this tenant; allowed are: {}", .allowed.join(", "))]
    Tool {
        /// The one asked for.
        asked: String,
        /// Those that are allowed.
        allowed: Vec<String>,
    },
    /// A sandbox image.
    #[error("the image `{asked}` is not allowed for this tenant; allowed are: {}", .allowed.join(", "))]
    Image {
        /// The one asked for.
        asked: String,
        /// Those that are allowed.
        allowed: Vec<String>,
    },
    /// A permission mode.
    #[error("the permission mode `{asked}` is not allowed for this tenant; allowed are: {}", .allowed.join(", "))]
    PermissionMode {
        /// The one asked for.
        asked: &'static str,
        /// Those that are allowed.
        allowed: Vec<&'static str>,
    },
    /// A host to reach.
    #[error(
        "the host `{asked}` may not be reached by this tenant's sandboxes; allowed are: {}", list(.allowed)
    )]
    EgressHost {
        /// The one asked for.
        asked: EgressHost,
        /// Those that are allowed.
        allowed: Vec<EgressHost>,
    },
}

fn list(hosts: &[EgressHost]) -> String {
    if hosts.is_empty() {
        return "none".to_owned();
    }
    hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl TenantLimits {
    /// Checks what a turn asks for, and lowers what it may have less of. `model` and `mode` are what it gets when it
    /// names none.
    ///
    /// # Errors
    /// When it asks for what the tenant may not have.
    pub fn apply(&self, spec: &mut TurnSpec, model: &str, mode: PermissionMode) -> Result<(), NotAllowed> {
        let asked = spec.model.as_deref().unwrap_or(model);
        if let Some(allowed) = self.models.as_ref().filter(|allowed| !allowed.iter().any(|model| model == asked)) {
            return Err(NotAllowed::Model { asked: asked.to_owned(), allowed: allowed.clone() });
        }
        let asked = spec.permission_mode.unwrap_or(mode);
        if let Some(allowed) = self.permission_modes.as_ref().filter(|allowed| !allowed.contains(&asked)) {
            let allowed = allowed.iter().map(|mode| mode.as_str()).collect();
            return Err(NotAllowed::PermissionMode { asked: asked.as_str(), allowed });
        }
        if let Some(allowed) = &self.tools {
            let ours = tool_rules::split(allowed);
            let foreign = |rule: &String| !ours.iter().any(|our| tool_rules::tool(our) == tool_rules::tool(rule));
            if let Some(asked) = tool_rules::split(&spec.allowed_tools).into_iter().find(foreign) {
                return Err(NotAllowed::Tool { asked, allowed: allowed.clone() });
            }
            spec.tools = Some(allowed.clone());
        }
        match (&self.images, &spec.image) {
            (Some(allowed), Some(asked)) if !allowed.contains(asked) => {
                return Err(NotAllowed::Image { asked: asked.clone(), allowed: allowed.clone() });
            }
            (None, Some(asked)) => return Err(NotAllowed::Image { asked: asked.clone(), allowed: vec![] }),
            (Some(allowed), None) => spec.image = allowed.first().cloned(),
            _ => {}
        }
        let granted = self.egress_hosts.as_deref().unwrap_or_default();
        let foreign = |asked: &&EgressHost| !granted.iter().any(|wider| wider.covers(asked));
        if let Some(asked) = spec.egress_hosts.iter().flatten().find(foreign) {
            return Err(NotAllowed::EgressHost { asked: asked.clone(), allowed: granted.to_vec() });
        }
        spec.max_turns = match (spec.max_turns, self.max_turns) {
            (Some(asked), Some(most)) => Some(asked.min(most)),
            (asked, most) => asked.or(most),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_gets_what_its_tenant_may_have_and_no_more() {
        let limits = TenantLimits {
            max_turns: Some(10),
            models: Some(vec!["small".to_owned()]),
            permission_modes: Some(vec![PermissionMode::Plan]),
            ..TenantLimits::default()
        };
        let mut spec = TurnSpec { max_turns: Some(50), ..TurnSpec::default() };
        limits.apply(&mut spec, "small", PermissionMode::Plan).unwrap();
        assert_eq!(spec.max_turns, Some(10));
        let mut spec = TurnSpec { model: Some("large".to_owned()), ..TurnSpec::default() };
        let refused = limits.apply(&mut spec, "small", PermissionMode::Plan).unwrap_err().to_string();
        assert!(refused.contains("`large`") && refused.contains("small"), "{refused}");
        let mut spec = TurnSpec::default();
        let refused = limits.apply(&mut spec, "small", PermissionMode::BypassPermissions).unwrap_err().to_string();
        assert!(refused.contains("bypassPermissions"), "{refused}");
    }

    #[test]
    fn a_turn_may_reach_less_than_its_tenant_and_no_more() {
        let hosts = |texts: &[&str]| Some(texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<EgressHost>>());
        let limits = TenantLimits { egress_hosts: hosts(&["*.example.org:443"]), ..TenantLimits::default() };
        let apply = |limits: &TenantLimits, asked: &[&str]| {
            let mut spec = TurnSpec { egress_hosts: hosts(asked), ..TurnSpec::default() };
            limits.apply(&mut spec, "small", PermissionMode::Plan).map_err(|refused| refused.to_string())
        };
        assert_eq!(apply(&limits, &["a.example.org:443"]), Ok(()));
        assert_eq!(apply(&limits, &[]), Ok(()));
        let refused = apply(&limits, &["a.example.org:443", "example.com:443"]).unwrap_err();
        assert!(refused.contains("`example.com:443`") && refused.contains("*.example.org:443"), "{refused}");
        let refused = apply(&TenantLimits::default(), &["a.example.org:443"]).unwrap_err();
        assert!(refused.ends_with("allowed are: none"), "{refused}");
    }

    #[test]
    fn a_tenant_has_the_tools_and_images_it_is_given() {
        let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let limits = TenantLimits {
            tools: words(&["Bash", "Read"]),
            images: words(&["plain", "rust"]),
            ..TenantLimits::default()
        };
        let apply = |limits: &TenantLimits, tools: &[&str], image: Option<&str>| {
            let allowed_tools = words(tools).unwrap();
            let mut spec = TurnSpec { allowed_tools, image: image.map(str::to_owned), ..TurnSpec::default() };
            limits.apply(&mut spec, "small", PermissionMode::Plan).map(|()| spec)
        };
        let spec = apply(&limits, &["Bash(git *)"], None).unwrap();
        assert_eq!((spec.tools, spec.image.as_deref()), (words(&["Bash", "Read"]), Some("plain")));
        assert_eq!(apply(&limits, &[], Some("rust")).unwrap().image.as_deref(), Some("rust"));
        for asked in [&["Write"][..], &["Read,Write"], &["Read(x) Write"], &["Bash(git *),Write(y)"], &["Read, Write"]]
        {
            let refused = apply(&limits, asked, None).unwrap_err().to_string();
            assert!(refused.starts_with("the tool `Write"), "{asked:?}: {refused}");
        }
        assert!(apply(&limits, &["Read Bash", "Bash(a, b)"], None).is_ok());
        assert!(apply(&limits, &[], Some("other")).unwrap_err().to_string().contains("plain, rust"));
        assert!(apply(&TenantLimits::default(), &[], Some("other")).is_err(), "any image at all");
    }
}
