"""What a worker does, with pika: topics, fanout, and waiting while memory is short."""

import sys

import pika


def connect(port):
    return pika.BlockingConnection(
        pika.ConnectionParameters(
            "127.0.0.1",
            port,
            "mig",
            pika.PlainCredentials("guest", "guest-secret"),
            blocked_connection_timeout=60,
            # Patience for a busy machine.
            socket_timeout=60,
            stack_timeout=60,
        )
    )


def main(port):
    connection = connect(port)
    channel = connection.channel()
    channel.confirm_delivery()
    channel.exchange_declare("toworkers", "topic", durable=True)
    channel.queue_declare("migevent.worker.a", durable=True)
    channel.queue_bind("migevent.worker.a", "toworkers", "agent.#")
    channel.queue_declare("migevent.worker.b", durable=True)
    channel.queue_bind("migevent.worker.b", "toworkers", "#")
    keys = ["agent.new", "command.results", "agent.authentication.failure"]
    for key in keys:
        channel.basic_publish("toworkers", key, key.encode(), mandatory=True)

    def drain(queue):
        bodies = []
        while True:
            method, _, body = channel.basic_get(queue, auto_ack=True)
            if method is None:
                return bodies
            assert body.decode() == method.routing_key, method
            bodies.append(body.decode())

    assert drain("migevent.worker.a") == [keys[0], keys[2]]
    assert drain("migevent.worker.b") == keys
    channel.queue_unbind("migevent.worker.a", "toworkers", "agent.#")

    # Fills memory, then waits until somebody else has made room.
    blocked, unblocked = [], []
    connection.add_on_connection_blocked_callback(lambda _, method: blocked.append(method))
    connection.add_on_connection_unblocked_callback(lambda _, method: unblocked.append(method))
    transient = connection.channel()
    transient.queue_declare("filler")
    other = connect(port)
    watching = other.channel()
    published = 0
    # One at a time: the relay reads no more of who is blocked, and a publisher that is
    # far ahead of it would wait for its own bytes to leave before it hears why.
    while not blocked:
        transient.basic_publish("", "filler", bytes(20000))
        published += 1
        arrived = 0
        while not blocked and arrived < published:
            connection.process_data_events(time_limit=0)
            arrived = watching.queue_declare("filler", passive=True).method.message_count
    assert blocked[0].method.reason == "low on memory", blocked
    watching.queue_purge("filler")
    while not unblocked:
        connection.process_data_events(time_limit=1)
    channel.basic_publish("toworkers", "after", b"after", mandatory=True)
    assert drain("migevent.worker.b") == ["after"]
    connection.close()
    other.close()
    print("all good")


main(int(sys.argv[1]))
