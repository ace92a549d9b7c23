"""What a scheduler and an agent do, with pika."""

import sys

import pika


def connect(port):
    return pika.BlockingConnection(
        pika.ConnectionParameters(
            "127.0.0.1",
            port,
            "mig",
            pika.PlainCredentials("guest", "guest-secret"),
            heartbeat=30,
            # Patience for a busy machine.
            socket_timeout=60,
            stack_timeout=60,
        )
    )


def main(port):
    scheduler = connect(port)
    commands = scheduler.channel()
    commands.confirm_delivery()
    commands.exchange_declare("toagents", "direct", durable=True)
    commands.exchange_declare("toschedulers", "direct", durable=True)
    commands.queue_declare("mig.agt.results", durable=True)
    commands.queue_bind("mig.agt.results", "toschedulers", "mig.agt.results")

    agent = connect(port)
    channel = agent.channel()
    channel.basic_qos(prefetch_count=1)
    channel.queue_declare("mig.agt.a", durable=True)
    channel.queue_bind("mig.agt.a", "toagents", "mig.agt.a")

    properties = pika.BasicProperties(
        content_type="text/plain", delivery_mode=2, timestamp=1, expiration="60000"
    )
    sent = [b"command %d" % number for number in range(10)]
    for body in sent:
        # Raises when it is refused or returned.
        commands.basic_publish("toagents", "mig.agt.a", body, properties, mandatory=True)

    got = []
    for method, header, body in channel.consume("mig.agt.a", inactivity_timeout=60):
        assert method is not None, "nothing came for 60 s"
        assert header.content_type == "text/plain" and header.delivery_mode == 2, header
        got.append(body)
        channel.basic_publish("toschedulers", "mig.agt.results", b"result of " + body, properties)
        channel.basic_ack(method.delivery_tag)
        if len(got) == len(sent):
            break
    assert got == sent, got
    channel.cancel()

    for body in sent:
        result = None
        while result is None:
            method, _, result = commands.basic_get("mig.agt.results")
        assert result == b"result of " + body, result
        commands.basic_ack(method.delivery_tag)

    # A large body, refused once and delivered again.
    large = bytes(range(256)) * 8192
    commands.basic_publish("toagents", "mig.agt.a", large, properties, mandatory=True)
    method, _, body = channel.basic_get("mig.agt.a")
    assert body == large and not method.redelivered
    channel.basic_nack(method.delivery_tag, requeue=True)
    method, _, body = channel.basic_get("mig.agt.a")
    assert body == large and method.redelivered
    channel.basic_ack(method.delivery_tag)

    assert channel.queue_declare("mig.agt.a", passive=True).method.message_count == 0
    channel.queue_delete("mig.agt.a")
    agent.close()
    scheduler.close()
    print("all good")


main(int(sys.argv[1]))
