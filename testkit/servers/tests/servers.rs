//! The servers start, do what tests ask of them, and end.

use mig_test_servers::{Postgres, Rabbit};

#[test]
fn a_database_server_keeps_what_it_committed_when_it_is_killed() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let server = std::sync::Arc::new(server);
    let database = server.new_database();
    database.sql("CREATE TABLE kept (text text); INSERT INTO kept VALUES ('so it is')");
    let port = server.port();
    server.kill();
    server.restart();
    assert_eq!(database.sql("SELECT text FROM kept").trim(), "so it is");
    assert_eq!(server.port(), port);
}

#[test]
fn a_shared_database_server_is_one_until_the_program_ends() {
    let Some(first) = Postgres::shared() else {
        return;
    };
    let port = first.port();
    drop(first);
    let first = Postgres::shared().expect("it is there");
    assert_eq!(first.port(), port);
    let second = Postgres::shared().expect("it is there");
    assert_eq!(first.port(), second.port());
    let (one, other) = (first.new_database(), second.new_database());
    one.sql("CREATE TABLE own ()");
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
    assert_eq!(other.sql(tables).trim(), "0");
}

#[test]
fn a_broker_takes_users_and_alarms_and_comes_back_after_a_kill() {
    let Some(broker) = Rabbit::start() else {
        return;
    };
    broker.add_vhost("mig");
    broker.add_user("agent", "quoted \"and\" more");
    broker.set_permissions("agent", "mig", ["^mig\\.agt\\..*$", "", ".*"]);
    assert!(
        broker
            .ctl(&["list_permissions", "-p", "mig"])
            .contains("^mig\\.agt\\..*$")
    );
    broker.memory_alarm(true);
    broker.memory_alarm(false);
    let port = broker.amqp_port();
    broker.kill();
    broker.restart();
    assert_eq!(broker.amqp_port(), port);
    assert!(broker.ctl(&["list_users"]).contains("agent"));
    broker.stop();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}
