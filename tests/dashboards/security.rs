//! Who was kept out, and whether the confinement holds.

use crate::board::{Board, quantile};
use crate::panel::Panel;

pub(crate) fn board() -> Board {
    Board {
        name: "security",
        title: "Security",
        about: "Who was kept out, what sandboxes tried, and whether their confinement holds.",
        by_tenant: false,
        opens_on: "now-6h",
        in_utc: false,
        rows: vec![("Confinement", confinement()), ("Egress", egress()), ("Sign-ins", sign_ins())],
    }
}

fn confinement() -> Vec<Panel> {
    vec![
        Panel::stat("Probes that held", "Of the last drill.", "none")
            .ask("held", "sum(innkeeper_drill_probe_passed{@})")
            .size(4, 8),
        Panel::stat("Probes that did not", "Of the last drill; without data there was none. Anything but 0 is an emergency.", "none")
            .ask("not held", "sum(1 - innkeeper_drill_probe_passed{@})")
            .steps(&[(1.0, "red")])
            .size(4, 8),
        Panel::stat("Last drill", "How long ago the last drill began; of several servers, where it is longest ago.", "s")
            .ask("ago", "time() - min(innkeeper_drill_last_run_timestamp_seconds{@} > 0)")
            .steps(&[(2_592_000.0, "orange")])
            .size(4, 8),
        Panel::lines("Violations", "What confinement is there to refuse.", "none")
            .ask("{{kind}}", "sum by (kind) (increase(innkeeper_sandbox_violations_total{@}[$__interval]))")
            .steps_over_time()
            .size(12, 8),
        Panel::table("Probes", "What each attacks is in SECURITY.md. Those that did not hold come first.")
            .column("Held", "none", "sort(min by (probe) (innkeeper_drill_probe_passed{@}))")
            .meaning(&[("0", "did not hold", "red"), ("1", "held", "green")])
            .size(12, 10),
        Panel::lines("Asked for too much", "Directories a tenant asked for that may not be worked in, and other requests beyond its limits.", "none")
            .ask("{{reason}}", r#"sum by (reason) (increase(innkeeper_requests_rejected_total{@,reason=~"workspace|limits|environment|suspended"}[$__interval]))"#)
            .steps_over_time()
            .size(12, 10),
    ]
}

fn egress() -> Vec<Panel> {
    vec![
        Panel::lines("Hosts asked for", "A minute, by decision.", "none")
            .ask("{{decision}}", "sum by (decision) (rate(innkeeper_egress_requests_total{@}[$__rate_interval])) * 60")
            .size(12, 8),
        Panel::lines("Bytes through granted egress", "A second, as the sandboxes see it.", "Bps")
            .ask("{{direction}}", "sum by (direction) (rate(innkeeper_egress_bytes_total{@}[$__rate_interval]))")
            .size(12, 8),
    ]
}

fn sign_ins() -> Vec<Panel> {
    vec![
        Panel::lines("Sign-ins", "Credentials that were shown, a second, by what came of it.", "reqps")
            .ask("{{result}}", "sum by (result) (rate(innkeeper_auth_attempts_total{@}[$__rate_interval]))"),
        Panel::lines("Refused", "Credentials that opened nothing, a minute, by kind.", "none")
            .ask("{{credential}} {{result}}", r#"sum by (credential, result) (rate(innkeeper_auth_attempts_total{@,result=~"refused|blocked"}[$__rate_interval])) * 60"#),
        Panel::lines("Verifying a key", "What the first use of a key takes.", "s")
            .ask("p50", quantile(0.5, "innkeeper_auth_verification_duration_seconds", ""))
            .ask("p95", quantile(0.95, "innkeeper_auth_verification_duration_seconds", "")),
        Panel::stat("Not verified", "Keys that were not verified because too many others were, in this time.", "none")
            .ask("shed", "sum(increase(innkeeper_auth_verifications_shed_total{@}[$__range]))")
            .steps(&[(1.0, "red")]),
        Panel::lines("Scopes and rates", "Calls of tenants that were let in but asked for more than their key opens, or too fast.", "reqps")
            .ask("{{reason}}", r#"sum by (reason) (rate(innkeeper_requests_rejected_total{@,reason=~"scope|rate"}[$__rate_interval]))"#)
            .size(20, 6),
    ]
}
