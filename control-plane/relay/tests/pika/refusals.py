"""Refusals, seen by pika."""

import sys

import pika
import pika.exceptions


def parameters(port, password="guest-secret", vhost="mig"):
    return pika.ConnectionParameters(
        "127.0.0.1",
        port,
        vhost,
        pika.PlainCredentials("guest", password),
        # Patience for a busy machine.
        socket_timeout=60,
        stack_timeout=60,
    )


def refused_channel(connection, code, work):
    channel = connection.channel()
    try:
        work(channel)
    except pika.exceptions.ChannelClosedByBroker as error:
        assert error.reply_code == code, error
    else:
        raise AssertionError("not refused with %d" % code)
    assert connection.is_open


def refused_connection(port, code, work):
    connection = pika.BlockingConnection(parameters(port))
    try:
        work(connection.channel())
    except pika.exceptions.ConnectionClosedByBroker as error:
        assert error.reply_code == code, error
    else:
        raise AssertionError("not refused with %d" % code)


def main(port):
    try:
        pika.BlockingConnection(parameters(port, password="wrong"))
    except pika.exceptions.ProbableAuthenticationError as error:
        assert "ACCESS_REFUSED" in repr(error), error
    else:
        raise AssertionError("a wrong password was accepted")
    try:
        pika.BlockingConnection(parameters(port, vhost="other"))
    except (
        pika.exceptions.ConnectionClosedByBroker,
        pika.exceptions.ProbableAccessDeniedError,
    ) as error:
        assert "530" in repr(error), error
    else:
        raise AssertionError("another vhost was accepted")

    connection = pika.BlockingConnection(parameters(port))
    channel = connection.channel()
    channel.queue_declare("durable", durable=True)
    refused_channel(connection, 404, lambda c: c.queue_declare("none", passive=True))
    refused_channel(connection, 406, lambda c: c.queue_declare("durable"))
    refused_channel(connection, 403, lambda c: c.exchange_declare("amq.x", "direct"))
    refused_connection(port, 540, lambda c: c.tx_select())
    refused_connection(port, 540, lambda c: c.exchange_declare("h", "headers"))

    channel.confirm_delivery()
    try:
        channel.basic_publish("", "nobody", b"x", mandatory=True)
    except pika.exceptions.UnroutableError as error:
        assert error.messages[0].method.reply_code == 312, error
    else:
        raise AssertionError("an unroutable message was not returned")
    channel.queue_declare("full", arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    channel.basic_publish("", "full", b"1")
    try:
        channel.basic_publish("", "full", b"2")
    except pika.exceptions.NackError:
        pass
    else:
        raise AssertionError("a full queue took another message")

    # A consumer hears that its queue is gone.
    cancelled = []
    channel.add_on_cancel_callback(cancelled.append)
    channel.queue_declare("brief")
    channel.basic_consume("brief", lambda *_: None)
    other = pika.BlockingConnection(parameters(port))
    other.channel().queue_delete("brief")
    connection.process_data_events(time_limit=0)
    while not cancelled:
        connection.process_data_events(time_limit=1)
    connection.close()
    other.close()
    print("all good")


main(int(sys.argv[1]))
