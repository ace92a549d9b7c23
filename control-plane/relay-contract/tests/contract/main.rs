//! What MIG relies on in its relay, as tests that RabbitMQ and the embedded
//! relay must both pass: a deployment may exchange the one for the other.
//!
//! Each behaviour is a function that takes a relay; [`contract!`] makes a test of
//! it for each of the two.

mod broker;
mod raw;
mod support;

/// Makes the tests `embedded::NAME` and `rabbitmq::NAME` of each function, with a
/// [`broker::Broker`], or with a [`broker::Alone`] when `alone` comes first.
macro_rules! contract {
    (alone: $($name:ident),+ $(,)?) => {
        contract!(@ crate::broker::Alone, $($name),+);
    };
    (@ $broker:ty, $($name:ident),+) => {
        mod embedded {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(<$broker>::embedded().await).await;
                }
            )+
        }
        mod rabbitmq {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    if let Some(broker) = <$broker>::rabbitmq().await {
                        super::$name(broker).await;
                    }
                }
            )+
        }
    };
    ($($name:ident),+ $(,)?) => {
        contract!(@ crate::broker::Broker, $($name),+);
    };
}

mod alarms;
mod bounds;
mod confirms;
mod consuming;
mod declaring;
mod expiring;
mod frames;
mod heartbeats;
mod login;
mod permissions;
mod routing;
mod surviving;
