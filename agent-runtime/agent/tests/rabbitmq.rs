//! The agent as people run it, with the scheduler, on RabbitMQ set up as the
//! documentation says: users with the least permissions, TLS with certificates
//! on both sides.

mod site;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mig_protocol::{ActionStatus, Id, Permissions, Time};
use mig_relay::{PermissionPatterns, topology};
use mig_scheduler::{RelayAccess, RelayTls, Scheduler, SchedulerConfig, SchedulerHandle};
use mig_store::{Changes, NewInvestigator, Signature, SqliteStore, Store, Wake};
use mig_test_servers::Rabbit;
use serde_json::json;
use site::{DEADLINE, Site, lines, until};

const PASSWORD: &str = "secret";
/// Commands that an agent takes in before one is done.
const COMMANDS_AT_ONCE: usize = 32;

fn set_up(rabbit: &Rabbit) {
    rabbit.add_vhost(topology::VHOST);
    let users = [
        (topology::SCHEDULER_USER, topology::scheduler_permissions()),
        (topology::AGENT_USER, topology::agent_permissions()),
    ];
    for (user, permissions) in users {
        let PermissionPatterns {
            configure,
            write,
            read,
        } = permissions;
        rabbit.add_user(user, PASSWORD);
        rabbit.set_permissions(user, topology::VHOST, [&configure, &write, &read]);
    }
}

/// Scheduler and store.
struct Plane {
    store: Arc<SqliteStore>,
    wake: Wake,
    investigator: Id,
    scheduler: SchedulerHandle,
}

impl Plane {
    async fn start(site: &Site, rabbit: &Rabbit) -> Plane {
        let store = SqliteStore::open(&site.path("mig.db")).unwrap();
        let investigator = store
            .create_investigator(&NewInvestigator {
                name: "Ana".into(),
                fingerprint: "3828BBB5E3B923A93078EE8CFE7FB8600243F14D".into(),
                public_key: b"the agent has it".to_vec(),
                permissions: Permissions::DEFAULT,
                created: Time::now(),
            })
            .await
            .unwrap();
        let store = Arc::new(store);
        let wake = Wake::new();
        let (certificate, key) = rabbit.client_certificate("scheduler");
        let read = |path: &Path| std::fs::read(path).unwrap();
        let config = SchedulerConfig::new(RelayAccess {
            host: "localhost".into(),
            port: rabbit.amqps_port(),
            vhost: topology::VHOST.into(),
            user: topology::SCHEDULER_USER.into(),
            password: PASSWORD.into(),
            tls: Some(RelayTls {
                ca: std::fs::read_to_string(rabbit.ca()).unwrap(),
                identity: Some((read(&certificate), read(&key))),
            }),
            heartbeat: Duration::from_secs(30),
            timeout: DEADLINE,
        });
        let scheduler = Scheduler::start(
            config,
            Arc::clone(&store) as _,
            wake.clone(),
            Changes::new(),
        );
        assert!(scheduler.connected(DEADLINE).await, "RabbitMQ not reached");
        Plane {
            store,
            wake,
            investigator,
            scheduler,
        }
    }

    async fn post(&self, action: &mig_protocol::Action) {
        let signatures: Vec<_> = action
            .signatures()
            .iter()
            .map(|signature| Signature {
                investigator: self.investigator,
                signature: signature.clone(),
            })
            .collect();
        let mut action = action.clone();
        action.status = ActionStatus::Pending;
        self.store
            .create_action(&action, &signatures)
            .await
            .unwrap();
        self.wake.wake();
    }

    /// Waits until the action is over, and how many of its commands succeeded.
    async fn success(&self, id: Id) -> i64 {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        let over = async {
            loop {
                ticks.tick().await;
                let action = self.store.action(id).await.unwrap().action;
                if action.status == ActionStatus::Completed {
                    return action.counters.success;
                }
            }
        };
        tokio::time::timeout(DEADLINE, over)
            .await
            .expect("the end of the action")
    }

    async fn knows_an_agent(&self) {
        let target = mig_target::Target::parse("status='online'").unwrap();
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        let known = async {
            loop {
                ticks.tick().await;
                let now = Time::now();
                let agents = self.store.agents_by_target(&target, now, 2).await.unwrap();
                if !agents.is_empty() {
                    return;
                }
            }
        };
        tokio::time::timeout(DEADLINE, known)
            .await
            .expect("a heartbeat");
    }
}

/// Leads the site's agents to RabbitMQ.
fn configure(site: &Site, rabbit: &Rabbit, more: &str) {
    let (certificate, key) = rabbit.client_certificate("agent");
    // The instance's files are its own user's.
    for (name, from) in [
        ("ca.crt", &rabbit.ca()),
        ("agent.crt", &certificate),
        ("agent.key", &key),
    ] {
        std::fs::write(site.path(name), std::fs::read(from).unwrap()).unwrap();
    }
    let certificates = format!(
        "{more}\n[certs]\nca = \"{}\"\ncert = \"{}\"\nkey = \"{}\"",
        site.path("ca.crt").display(),
        site.path("agent.crt").display(),
        site.path("agent.key").display()
    );
    let relay = format!(
        "amqps://agent:{PASSWORD}@localhost:{}/{}",
        rabbit.amqps_port(),
        topology::VHOST
    );
    site.configure_for(&relay, &certificates);
}

async fn rabbit() -> Option<Arc<Rabbit>> {
    let started = tokio::task::spawn_blocking(|| {
        let rabbit = Rabbit::start()?;
        set_up(&rabbit);
        Some(Arc::new(rabbit))
    });
    started.await.expect("RabbitMQ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_investigation_on_rabbitmq_goes_on_after_a_kill_and_a_late_acknowledgement() {
    let Some(rabbit) = rabbit().await else {
        return;
    };
    // What waits for its turn at an agent is not acknowledged; RabbitMQ gives up
    // the channel then, after half an hour unless told otherwise.
    rabbit.eval("application:set_env(rabbit, consumer_timeout, 3000)");
    rabbit.eval("application:set_env(rabbit, channel_tick_interval, 1000)");
    let mut site = Site::new().await;
    let plane = Plane::start(&site, &rabbit).await;
    configure(&site, &rabbit, "concurrentoperations = 1");
    let agent = site.agent_with_test_modules();
    plane.knows_an_agent().await;

    // All run when the file is there, one after the other; the agent takes so many
    // in and no more.
    let (started, go) = (site.path("started"), site.path("go"));
    let wait = json!({"started": started, "until": go});
    let channels = || -> u32 {
        let number = rabbit.eval("length(rabbit_channel:list())");
        number.parse().unwrap()
    };
    let before = channels();
    let mut posted = Vec::new();
    for _ in 0..COMMANDS_AT_ONCE + 2 {
        let action = site.signed("wait", wait.clone());
        plane.post(&action).await;
        posted.push(action.id);
    }
    until("the module to start", || lines(&started) >= 1).await;
    until("the channel to be given up", || channels() < before).await;
    std::fs::write(&go, "").unwrap();
    for id in &posted {
        assert_eq!(plane.success(*id).await, 1);
    }
    assert!(!agent.log().contains("given up"), "{}", agent.log());

    let killed = Arc::clone(&rabbit);
    let again = tokio::task::spawn_blocking(move || {
        killed.kill();
        killed.restart();
    });
    again.await.expect("RabbitMQ again");
    let wait = json!({"started": site.path("third"), "until": go});
    let third = site.signed("wait", wait);
    plane.post(&third).await;
    assert_eq!(plane.success(third.id).await, 1);
    plane.scheduler.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agents_queue_of_another_type_is_named_with_the_remedy() {
    let Some(rabbit) = rabbit().await else {
        return;
    };
    let mut site = Site::new().await;
    let plane = Plane::start(&site, &rabbit).await;
    configure(&site, &rabbit, "queuetype = quorum");
    let mut agent = site.agent();
    plane.knows_an_agent().await;
    let types = rabbit.eval(
        "[amqqueue:get_type(Q) || Q <- rabbit_amqqueue:list(<<\"mig\">>), \
         not lists:member(element(4, amqqueue:get_name(Q)), \
         [<<\"mig.agt.results\">>, <<\"mig.agt.heartbeats\">>])]",
    );
    assert_eq!(types, "[rabbit_quorum_queue]");
    agent.kill();

    let text = std::fs::read_to_string(site.configuration()).unwrap();
    let text = text.replace("queuetype = quorum", "queuetype = classic");
    std::fs::write(site.configuration(), text).unwrap();
    let agent = site.agent();
    until("the reason", || {
        agent.log().contains("not as a classic queue") && agent.log().contains("set `queuetype`")
    })
    .await;
    plane.scheduler.stop().await;
}
