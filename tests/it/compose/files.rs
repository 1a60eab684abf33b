//! What the files say, without running anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_norway::Value;

use super::{compose, file, repository};

/// The services that are built here and named by no registry.
const OURS: [&str; 3] = ["spawner", "innkeeper", "stand-in"];

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut value: Value = serde_norway::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    value.apply_merge().unwrap();
    value
}

/// Every service of both files by its name.
fn services() -> BTreeMap<String, Value> {
    let both = ["compose.yaml", "compose.stand-in.yaml"].map(|name| read(&file(name)));
    let mut found = BTreeMap::new();
    for file in both {
        for (name, service) in file["services"].as_mapping().unwrap() {
            // The second file adds to a service of the first.
            found.entry(name.as_str().unwrap().to_owned()).or_insert_with(|| service.clone());
        }
    }
    assert!(found.len() >= 5, "{:?}", found.keys());
    found
}

/// A list of texts; empty when it is not there.
fn texts(value: &Value) -> Vec<String> {
    let list = value.as_sequence().into_iter().flatten();
    list.map(|text| text.as_str().expect("it is a text").to_owned()).collect()
}

/// The sources and targets a service has mounted, the defaults put in the place of variables.
fn mounts(service: &Value) -> Vec<(String, String)> {
    let split = |text: String| {
        let text = with_defaults(&text);
        let mut parts = text.split(':').map(str::to_owned);
        (parts.next().unwrap(), parts.next().expect("a mount has a target"))
    };
    texts(&service["volumes"]).into_iter().map(split).collect()
}

/// `${NAME:-default}` as its default.
fn with_defaults(text: &str) -> String {
    let mut rest = text;
    let mut whole = String::new();
    while let Some((before, variable)) = rest.split_once("${") {
        let (variable, after) = variable.split_once('}').expect("a variable ends");
        whole += before;
        whole += variable.split_once(":-").map_or("", |(_, default)| default);
        rest = after;
    }
    whole + rest
}

#[test]
fn every_port_is_on_loopback() {
    let mut published = 0;
    for (name, service) in services() {
        for port in texts(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name} publishes {port}");
            published += 1;
        }
        assert_ne!(service["network_mode"].as_str(), Some("host"), "{name}");
    }
    assert!(published >= 4, "{published}");
}

#[test]
fn every_image_is_ours_or_of_one_version() {
    for (name, service) in services() {
        let image = service["image"].as_str().unwrap();
        if OURS.contains(&name.as_str()) {
            assert_eq!(image, "${SERVER_IMAGE:-innkeeper:latest}", "{name}");
            continue;
        }
        let (_, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{name}: {image} has no tag"));
        let version: Vec<_> = tag.trim_start_matches('v').split(['.', '@']).take(3).collect();
        let is_exact = version.len() == 3 && version.iter().all(|part| part.parse::<u32>().is_ok());
        assert!(is_exact, "{name}: {image} may be another image tomorrow");
    }
}

#[test]
fn every_service_is_confined_and_only_the_spawner_has_docker() {
    for (name, service) in services() {
        for weakening in ["privileged", "pid", "ipc", "userns_mode", "devices", "cgroup_parent"] {
            assert!(service[weakening].is_null(), "{name} has {weakening}");
        }
        assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        assert_eq!(service["read_only"].as_bool(), Some(true), "{name}");
        assert!(!service["mem_limit"].is_null() && !service["pids_limit"].is_null(), "{name} is unbounded");
        let is_spawner = name == "spawner";
        let is_root = service["user"].as_str().is_some_and(|user| user.starts_with('0'));
        assert_eq!(is_root, is_spawner, "{name}");
        assert_eq!(!service["cap_add"].is_null(), is_spawner, "{name}");
        let docker = mounts(&service).iter().filter(|(source, _)| source.contains("docker.sock")).count();
        assert_eq!(docker, usize::from(is_spawner), "{name}");
    }
    assert_eq!(services()["spawner"]["network_mode"].as_str(), Some("none"));
}

#[test]
fn what_docker_is_told_to_mount_is_where_the_spawner_sees_it() {
    let spawner = services().remove("spawner").unwrap();
    let mounts = mounts(&spawner);
    for setting in ["INNKEEPER_SPAWNER__BASES", "INNKEEPER_SPAWNER__STATE_DIR"] {
        let path = with_defaults(spawner["environment"][setting].as_str().unwrap());
        assert!(mounts.contains(&(path.clone(), path.clone())), "{path} is another path on the machine: {mounts:?}");
    }
    let devices = texts(&spawner["volumes"]).contains(&"/dev:/dev:ro".to_owned());
    assert!(devices, "no disk is found, and the bound on writes to it is left out");
}

#[test]
fn no_secret_is_written_down_and_none_has_a_default() {
    let is_secret = |name: &str| ["PASSWORD", "SECRET", "TOKEN", "API_KEY"].iter().any(|word| name.contains(word));
    let mut asked_for = 0;
    for (service, spec) in services() {
        for (name, value) in spec["environment"].as_mapping().into_iter().flatten() {
            let (name, value) = (name.as_str().unwrap(), value.as_str().unwrap());
            if is_secret(name) {
                assert!(value.starts_with("${") && value.contains(":?"), "{service} {name}: {value}");
                asked_for += 1;
            }
        }
    }
    assert_eq!(asked_for, 2, "the model's key and Grafana's password");
    let example = std::fs::read_to_string(file("compose.env.example")).unwrap();
    let given = example.lines().filter_map(|line| line.split_once('='));
    for (name, value) in given.filter(|(name, _)| is_secret(name)) {
        assert_eq!(value, "", "{name} has a value for everybody");
    }
}

#[test]
fn what_is_mounted_from_the_repository_is_there() {
    let mut mounted = 0;
    for (name, service) in services() {
        for (source, _) in mounts(&service).iter().filter(|(source, _)| source.starts_with('.')) {
            assert!(file(source).exists(), "{name} mounts {source}");
            mounted += 1;
        }
    }
    assert!(mounted >= 4, "{mounted}");
}

#[test]
fn prometheus_asks_the_operators_listener_and_finds_its_rules() {
    let (services, prometheus) = (services(), read(&file("prometheus.yml")));
    let listen = services["innkeeper"]["environment"]["INNKEEPER_HTTP__OPERATOR_LISTEN"].as_str().unwrap();
    let (_, port) = listen.rsplit_once(':').unwrap();
    let job = &prometheus["scrape_configs"][0];
    assert_eq!(job["job_name"].as_str(), Some("innkeeper"));
    assert_eq!(job["static_configs"][0]["targets"][0].as_str().unwrap(), format!("innkeeper:{port}"));
    let shared = |name: &str| texts(&services[name]["networks"]).contains(&"metrics".to_owned());
    assert!(shared("innkeeper") && shared("prometheus") && !shared("grafana"));

    // The rules are named from where the file lies, in the repository as in the container.
    let rules = PathBuf::from(prometheus["rule_files"][0].as_str().unwrap());
    assert_eq!(rules, Path::new("../dashboards/alerts.yaml"));
    let mounts = mounts(&services["prometheus"]);
    let inside =
        |source: &str| mounts.iter().find(|(from, _)| from == source).map(|(_, to)| PathBuf::from(to)).unwrap();
    let config = inside("./prometheus.yml");
    assert_eq!(inside("../dashboards"), config.parent().unwrap().parent().unwrap().join("dashboards"));
    let command = texts(&services["prometheus"]["command"]);
    assert!(command.contains(&format!("--config.file={}", config.display())), "{command:?}");
}

#[test]
fn grafana_is_provisioned_with_our_dashboards_and_the_interval_prometheus_has() {
    let (services, prometheus) = (services(), read(&file("prometheus.yml")));
    let source = &read(&file("grafana/provisioning/datasources/prometheus.yaml"))["datasources"][0];
    assert_eq!(source["uid"].as_str(), Some("prometheus"));
    assert_eq!(source["url"].as_str(), Some("http://prometheus:9090"));
    assert_eq!(source["jsonData"]["timeInterval"], prometheus["global"]["scrape_interval"]);
    let provider = &read(&file("grafana/provisioning/dashboards/innkeeper.yaml"))["providers"][0];
    let path = provider["options"]["path"].as_str().unwrap();
    let mounts = mounts(&services["grafana"]);
    assert!(mounts.contains(&("../dashboards".to_owned(), path.to_owned())), "{mounts:?}");
    assert_eq!(provider["allowUiUpdates"].as_bool(), Some(false));
    assert_eq!(services["grafana"]["environment"]["GF_AUTH_ANONYMOUS_ENABLED"].as_str(), Some("false"));
}

#[test]
fn compose_takes_the_files_and_nothing_without_the_secrets() {
    let Some(mut with) = compose() else { return };
    let mut without = compose().unwrap();
    for command in [&mut with, &mut without] {
        command.current_dir(repository()).args([
            "--file",
            "docker/compose.yaml",
            "--file",
            "docker/compose.stand-in.yaml",
        ]);
        command.args(["config", "--quiet"]).env("ANTHROPIC_API_KEY", "key");
    }
    let taken = with.env("GRAFANA_PASSWORD", "chosen").output().unwrap();
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
    let refused = without.env("GRAFANA_PASSWORD", "").output().unwrap();
    assert!(!refused.status.success(), "Grafana would have a password nobody chose");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("a password for Grafana's admin"));
}
