use super::*;

fn parse(text: &str) -> Result<Settings, SettingsError> {
    let file = mig_config::parse("worker.cfg", text, SECTIONS)?;
    Settings::read(&Reader(file))
}

const MQ: &str = "[mq]\nhost = relay\nuser = worker\npass = p\n";
const WEBHOOK: &str = "[webhook]\nurl = http://siem/mig\n";

#[test]
fn defaults_take_everything_and_never_give_up() {
    let settings = parse(&format!("{MQ}{WEBHOOK}")).expect("a good file");
    assert_eq!(settings.queue(), "migevent.worker.webhook");
    assert_eq!(settings.events, ["#"]);
    assert_eq!(
        (settings.relay.port, settings.relay.vhost.as_str()),
        (5672, "mig")
    );
    assert_eq!(
        (settings.attempts, settings.timeout),
        (0, Duration::from_secs(30))
    );
    assert!(settings.warnings[0].contains("not HTTPS"));
}

#[test]
fn the_annotated_sample_is_valid() {
    let sample = include_str!("../../../../conf/worker-webhook.cfg");
    // The files it names are not here.
    let text = sample
        .replace("usetls = true", "usetls = false")
        .replace("https://", "http://");
    let settings = parse(&text).expect("a good file");
    assert_eq!(settings.events, ["agent.#", "command.results"]);
    assert_eq!(settings.relay.user, "worker");
}

#[test]
fn mistakes_are_one_line_with_file_and_key() {
    for (text, complaint) in [
        (MQ.to_owned(), "worker.cfg: [webhook] url is missing"),
        (WEBHOOK.to_owned(), "worker.cfg: [mq] host is missing"),
        (
            format!("{MQ}[webhook]\nurl = siem"),
            "[webhook] url is not an address",
        ),
        (
            format!("{MQ}[webhook]\nurl = https:///x"),
            "[webhook] url is not an address",
        ),
        (
            format!("{MQ}[webhook]\nurl = \"http://a b/\""),
            "[webhook] url is not an address",
        ),
        (
            format!("{MQ}{WEBHOOK}attempts = -1"),
            "[webhook] attempts is negative",
        ),
        (
            format!("{MQ}{WEBHOOK}authorization = \"a\\nb\""),
            "[webhook] authorization cannot be",
        ),
        (
            format!("{MQ}{WEBHOOK}[worker]\nname = \"a b\""),
            "[worker] name is no name",
        ),
        (
            format!("{MQ}{WEBHOOK}[worker]\nevents = agent..new"),
            "[worker] events has `agent..new`",
        ),
        (
            format!("{MQ}port = 70000\n{WEBHOOK}"),
            "[mq] port is not a port",
        ),
        (
            format!("{MQ}usetls = on\n{WEBHOOK}"),
            "[mq] cacert is missing",
        ),
        (
            format!("{MQ}usetls = on\ncacert = /absent\n{WEBHOOK}"),
            "[mq] cacert /absent: No such file",
        ),
        (format!("{MQ}hots = x\n{WEBHOOK}"), "did you mean `host`?"),
        (
            format!("{MQ}[webhook]\nurl = https://siem/\ncafile = /absent"),
            "[webhook] cafile /absent: No such file",
        ),
    ] {
        let error = parse(&text).expect_err(&text).to_string();
        assert!(error.contains(complaint), "{text}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn of_the_webhooks_address_only_the_host_is_for_the_log() {
    let url = "http://user:word@siem.example.net:8080/hook/secret?token=t";
    let settings = parse(&format!("{MQ}[webhook]\nurl = \"{url}\"\n")).expect("a good file");
    assert_eq!(settings.receiver(), "siem.example.net");
}
